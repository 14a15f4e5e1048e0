"""What becomes of the values of a column that gets another type."""

from enum import IntEnum
from math import inf

from dbtool import catalog as cat
from dbtool.catalog.columns import Base
from dbtool.migrate.diff.casts import TEXTS

_WHOLE = {"int2": (4, 5), "int4": (9, 10), "int8": (18, 19)}
"""How many digits each whole number takes whatever they are, and how many it may have."""
_FLOATS = {"float4": 6, "float8": 15}
"""How many digits each keeps."""
_NUMBERS = frozenset({*_WHOLE, *_FLOATS, "numeric"})
_PRINTED = {"bool": 5, "int2": 6, "int4": 11, "int8": 20, "uuid": 36}
"""The most characters that a value is printed with."""
_TIMES = frozenset({"timestamp", "timestamptz", "time", "timetz"})
_MICROSECONDS = 6
_CUT_WHEN_READ = frozenset({"date", "timestamp", "time", "jsonb", *_FLOATS})
_KEPT = frozenset({
    ("date", "timestamp"), ("date", "timestamptz"), ("timestamp", "timestamptz"),
    ("time", "timetz"), ("time", "interval"), ("bool", "int4"), ("jsonb", "json"),
    ("cidr", "inet"),
})  # fmt: skip
_CUT = frozenset({
    ("timestamp", "date"), ("timestamptz", "date"), ("timestamptz", "timestamp"),
    ("timetz", "time"), ("interval", "time"), ("interval", "timetz"), ("int4", "bool"),
    ("inet", "cidr"), ("varbit", "bit"), ("json", "jsonb"),
})  # fmt: skip


class Fit(IntEnum):
    """What a change of type does to values, from the best to the worst.

    How a value is spelled in a text does not count, nor do the blanks that fill a character(n).
    """

    KEPT = 0
    FAILS = 1
    CUT = 2


def fit(old: cat.Column, new: cat.Column) -> Fit:
    """What becomes of the values of one column in the type of another."""
    found = _fit(old.base, new.base)
    if new.domain is not None and new.domain != old.domain:
        return max(found, Fit.FAILS)
    return found


def _fit(old: Base, new: Base) -> Fit:
    """Arrays: of one the first element becomes a value, and two of a kind go through text."""
    if old.element and not new.element:
        return Fit.CUT
    found = _one(_element(old), _element(new))
    if new.element in TEXTS and old.element != new.element:
        # A cast that is written out shortens a text in an array; one that is not refuses it.
        return Fit.CUT if found is Fit.FAILS else found
    if old.element and old.element != new.element:
        return min(found, _read(_element(new)))
    return found


def _element(base: Base) -> Base:
    return Base(base.element or base.name, None, base.modifier, base.labels)


def _one(old: Base, new: Base) -> Fit:
    """What becomes of single values."""
    if old == new:
        return Fit.KEPT
    if {old.name, new.name} <= TEXTS:
        return Fit.KEPT if _length(old) <= _length(new) else Fit.FAILS
    if old.labels and new.labels:
        return Fit.KEPT if {*old.labels} <= {*new.labels} else Fit.FAILS
    if new.name in TEXTS:
        longest = max(map(len, old.labels)) if old.labels else _PRINTED.get(old.name, inf)
        return Fit.KEPT if longest <= _length(new) else Fit.CUT
    if old.name in TEXTS:
        return _read(new)
    if {old.name, new.name} <= _NUMBERS:
        return _number(old, new)
    if {old.name, new.name} <= _TIMES and _fraction(new) < _fraction(old):
        return Fit.CUT
    return _modified(old, new) if old.name == new.name else _cast(old, new)


def _length(text: Base) -> float:
    return text.length or inf


def _fraction(time: Base) -> int:
    return time.modifier if time.modifier >= 0 else _MICROSECONDS


def _read(new: Base) -> Fit:
    """A text that is read as something else; some of it may be read over."""
    return Fit.CUT if new.name in _CUT_WHEN_READ or new.scale is not None else Fit.FAILS


def _number(old: Base, new: Base) -> Fit:
    """Digits before the point that are too many fail; behind it they are rounded away."""
    if old.name in _FLOATS:
        return Fit.KEPT if (old.name, new.name) == ("float4", "float8") else Fit.CUT
    _, digits, scale = _digits(old)
    if new.name in _FLOATS:
        return Fit.KEPT if scale <= 0 and digits <= _FLOATS[new.name] else Fit.CUT
    room, _, places = _digits(new)
    if scale > places:
        return Fit.CUT
    return Fit.KEPT if digits <= room else Fit.FAILS


def _digits(number: Base) -> tuple[float, float, float]:
    """Before the point: what fits whatever the digits, and what there may be; and behind it."""
    if number.name in _WHOLE:
        return *_WHOLE[number.name], 0
    if number.precision is None or number.scale is None:
        return inf, inf, inf
    before = number.precision - number.scale
    return before, before, number.scale


def _modified(old: Base, new: Base) -> Fit:
    """The same type with another modifier: -1 is none."""
    if new.modifier == -1 or new.name in _TIMES:
        return Fit.KEPT
    if new.name == "interval":
        return Fit.CUT
    longer = new.name == "varbit" and -1 < old.modifier <= new.modifier
    return Fit.KEPT if longer else Fit.FAILS


def _cast(old: Base, new: Base) -> Fit:
    """What has no cast of its own goes through text, which takes all of a value or fails."""
    both = (old.name, new.name)
    if both == ("bit", "varbit"):
        return Fit.KEPT if new.modifier == -1 or old.modifier <= new.modifier else Fit.CUT
    if both in _KEPT:
        return Fit.KEPT
    return Fit.CUT if both in _CUT else Fit.FAILS
