"""Constants beside a partition key, as values that compare as those of its type do."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dbtool.lint.expression import Expression, Form, Type
from dbtool.lint.schema import Column, Schema

_WHOLE = ("int2", "int4", "int8")
_TEXTS = ("text", "varchar")
_CASTS = {
    **dict.fromkeys(_WHOLE, frozenset(_WHOLE)),
    **dict.fromkeys(_TEXTS, frozenset(_TEXTS)),
    "numeric": frozenset((*_WHOLE, "numeric")),
    "float4": frozenset((*_WHOLE, "float4")),
    "float8": frozenset((*_WHOLE, "numeric", "float8")),
    "date": frozenset(("date", "timestamp")),
    "timestamp": frozenset(("date", "timestamp")),
}
"""The types of constants that the server compares a key with by the operators of its own type."""
_BYTEWISE = frozenset(("C", "POSIX"))
_DETERMINISTIC = frozenset(("", "default", "ucs_basic", "C.UTF-8", "pg_c_utf8", *_BYTEWISE))
_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{1,60})?")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = re.compile(
    rf"{_DAY}(?:[ T][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{6}}|\.[0-9]{{3}})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}(?::[0-9]{2})?)?)?"
)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_EXACT_IN_FLOAT4 = 2**24


@dataclass(frozen=True, slots=True)
class Key:
    """A partition key that is a plain column: its name, its type and what stands below a domain.

    `distinct` says that different texts are different values, `bytewise` that their order is that
    of their characters.
    """

    column: str
    type: Type
    base: Type
    distinct: bool
    bytewise: bool = False

    def names(self, expression: Expression) -> bool:
        """Whether an expression is this column, as the server compares it."""
        while expression.form is Form.CAST and self._is_relabelled(expression.type):
            expression = expression.parts[0]
        return expression.form is Form.COLUMN and expression.word == self.column

    def _is_relabelled(self, to: Type | None) -> bool:
        if to is None or to.array or to.modifiers:
            return False
        if self.base.name == "varchar":
            return to.name in _TEXTS
        return to.name == self.base.name and not self.base.modifiers


@dataclass(frozen=True, slots=True)
class Value:
    """A constant as a value; `kind` parts what cannot be compared, as times with and without zone.

    Where it is not `ordered` it can only be the same as another or, where it is `distinct`, not.
    """

    kind: str
    of: Decimal | float | datetime | str
    ordered: bool = True
    distinct: bool = True


def holds(operator: str, left: Value, right: Value) -> bool:
    """Whether a comparison of two constants is known to be true."""
    if left.kind != right.kind:
        return False
    if left.of == right.of:
        return operator in ("=", "<=", ">=")
    if operator == "<>":
        return left.distinct
    if not left.ordered:
        return False
    return operator in ("<", "<=") if left.of < right.of else operator in (">", ">=")  # type: ignore[operator]


def key_of(column: Column | None, schema: Schema) -> Key | None:
    """What is known of the column of a partition key; None where that is not its type."""
    if column is None or column.type is None:
        return None
    type_ = base = column.type
    collation = column.collation
    known = None if base.built_in else schema.type(base.named)
    if known is not None and known.kind == "domain" and known.base is not None:
        # A domain may have a collation of its own.
        base, collation = known.base, "of the domain"
    if known is not None and known.kind == "enum":
        return Key(column.name, type_, base, distinct=True)
    texts = base.name in (*_TEXTS, "bpchar")
    distinct = texts and (collation in _DETERMINISTIC or collation.endswith("-x-icu"))
    bytewise = base.name in _TEXTS and collation in _BYTEWISE
    return Key(column.name, type_, base, distinct=distinct, bytewise=bytewise)


def value(key: Key, expression: Expression) -> Value | None:
    """A constant as a value of a key; None where it is none, or the server compares otherwise."""
    casts = []
    while expression.form is Form.CAST:
        if expression.type is None or not _allowed(key, expression.type):
            return None
        casts.append(expression.type)
        expression = expression.parts[0]
    if expression.form is not Form.CONSTANT or key.base.array:
        return None
    word = expression.word
    text = word[1:-1].replace("''", "'") if word.startswith("'") else word
    return _read(key, text, casts)


def _allowed(key: Key, cast: Type) -> bool:
    if cast.array or cast.modifiers:
        return False
    return cast.name in _CASTS.get(key.base.name, (key.base.name,))


def _read(key: Key, text: str, casts: list[Type]) -> Value | None:
    name = key.base.name
    whole = name in _WHOLE or any(each.name in _WHOLE for each in casts)
    if name in (*_WHOLE, "numeric", "float4", "float8"):
        return _number(key.base, text, whole=whole)
    if name in ("date", "timestamp", "timestamptz"):
        day = any(each.name == "date" for each in casts) or (name == "date" and not casts)
        return _time(key.base, text, day=day)
    if name == "uuid":
        return Value(name, text.lower()) if _UUID.fullmatch(text) else None
    if name == "bool":
        return None
    if name == "bpchar":
        text = text.rstrip(" ")
    elif key.base.modifiers and name != "varchar":
        return None
    ordered = key.bytewise and text.isascii()
    return Value(f"{name} {ordered}", text, ordered=ordered, distinct=key.distinct)


def _number(type_: Type, text: str, *, whole: bool) -> Value | None:
    if not _NUMBER.fullmatch(text) or (whole and "." in text):
        return None
    number = Decimal(text)
    if type_.name == "float8":
        return Value("float8", float(text))
    if whole and abs(number) >= 2**63:
        return None
    if type_.name == "float4":
        exact = number == number.to_integral_value() and abs(number) < _EXACT_IN_FLOAT4
        return Value("number", number) if exact else None
    scale = type_.modifiers[1] if len(type_.modifiers) > 1 else 0
    if type_.name == "numeric" and type_.modifiers and len(text.partition(".")[2]) > scale:
        return None
    return Value("number", number)


def _time(type_: Type, text: str, *, day: bool) -> Value | None:
    found = _TIME.fullmatch(text)
    if found is None or (day and len(text) > len("2000-01-01")):
        return None
    zoned = found["zone"] is not None
    if (zoned and type_.name != "timestamptz") or (type_.modifiers and "." in text):
        return None
    try:
        return Value("zoned time" if zoned else "time", datetime.fromisoformat(text))
    except ValueError:
        return None
