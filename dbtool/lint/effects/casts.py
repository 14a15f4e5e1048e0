"""Which types share their stored form, and which casts happen by themselves."""

from dataclasses import replace
from enum import Enum

from dbtool.lint.expression import shortest_field
from dbtool.lint.schema import Schema, Type


class Coerced(Enum):
    """What a cast does to the stored value."""

    SAME = "nothing"
    BY_ZONE = "nothing, as long as the session's time zone is UTC"
    CONVERTED = "a new value"
    UNKNOWN = "unknown"


_STRINGS = frozenset({"text", "varchar", "bpchar", "name", "char"})
_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_OBJECTS = frozenset({"oid", "regclass", "regproc", "regtype", "regrole", "regnamespace"})

_SAME_FORM = frozenset(
    {
        ("text", "varchar"),
        ("varchar", "text"),
        ("text", "bpchar"),
        ("varchar", "bpchar"),
        ("cidr", "inet"),
        ("int4", "oid"),
        ("oid", "int4"),
        ("xml", "text"),
        ("xml", "varchar"),
        ("xml", "bpchar"),
        ("bit", "varbit"),
        ("varbit", "bit"),
        ("citext", "text"),
        ("citext", "varchar"),
        ("text", "citext"),
        ("varchar", "citext"),
    }
)
_ZONED = frozenset({("timestamp", "timestamptz"), ("timestamptz", "timestamp")})
_TIMES = frozenset({"timestamp", "timestamptz", "time", "timetz", "interval"})
_FINEST = 6


def base(type_: Type, schema: Schema) -> tuple[Type, bool]:
    """What a domain stands on, through any number of them, and whether one has constraints."""
    constrained = False
    for _ in range(32):
        found = schema.type(type_.named)
        if found is not None and found.name != type_.named:
            type_ = replace(type_, schema=found.name.schema)
        if type_.array or found is None or found.kind != "domain" or found.base is None:
            break
        constrained = constrained or found.constrained
        type_ = found.base
    return type_, constrained


def coerced(old: Type, new: Type, schema: Schema) -> tuple[Coerced, Type]:
    """What a cast does to the stored value, and the type it has after it."""
    if old == new:
        return Coerced.SAME, new
    before, _ = base(old, schema)
    after, constrained = base(new, schema)
    domain = before.named != old.named
    if domain and old.modifiers == new.modifiers and _same(old, new, schema):
        return Coerced.SAME, new
    if constrained and not _same(old, new, schema):
        return Coerced.CONVERTED, new
    if domain:
        # The server does not look into a domain for the length or precision of its values.
        before = replace(before, modifiers=())
    return _plain(before, after, schema), new


def _same(old: Type, new: Type, schema: Schema) -> bool:
    """Whether two names are of one type."""
    found = schema.type(old.named)
    return old.named == new.named or (found is not None and found is schema.type(new.named))


def _plain(old: Type, new: Type, schema: Schema) -> Coerced:
    if (old.name, old.schema, old.array) == (new.name, new.schema, new.array):
        return Coerced.SAME if _fits(old, new) else Coerced.CONVERTED
    if old.array or new.array:
        return Coerced.CONVERTED
    pair = (old.name, new.name)
    form = Coerced.SAME if pair in _SAME_FORM or _both_objects(pair) else None
    if pair in _ZONED:
        form = Coerced.BY_ZONE
    if form is None:
        return _foreign(old, new, schema)
    # The length of the old type does not count behind a cast.
    return form if _fits(Type(new.name), new) else Coerced.CONVERTED


def _both_objects(pair: tuple[str, str]) -> bool:
    objects = _OBJECTS | {"int4"}
    return objects.issuperset(pair) and ("oid" in pair or "int4" in pair)


def _foreign(old: Type, new: Type, schema: Schema) -> Coerced:
    for each in (old, new):
        stranger = not each.built_in and schema.type(each.named) is None
        if stranger and not schema.complete:
            return Coerced.UNKNOWN
    return Coerced.CONVERTED


def _fits(old: Type, new: Type) -> bool:
    """Whether every value within the old modifiers is one within the new."""
    before, after = old.modifiers, new.modifiers
    if before == after or not after:
        return True
    if new.array:
        return False
    match new.name:
        case "interval":
            return _keeps(before, after)
        case "varchar" | "varbit":
            return bool(before) and before[0] <= after[0]
        case "numeric":
            return len(before) == 2 and before[1] == after[1] and before[0] <= after[0]
        case name if name in _TIMES and len(after) == 1:
            return after[0] >= _FINEST or (len(before) == 1 and before[0] <= after[0])
    return False


def _keeps(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether an interval keeps all its fields and digits."""
    if shortest_field(after) < shortest_field(before):
        return False
    digits = (each for each in after if each >= 0)
    had = next((each for each in before if each >= 0), _FINEST)
    seconds = shortest_field(before) == shortest_field(())
    return not seconds or next(digits, _FINEST) >= had


_OPERATORS = {"varchar": "text", "cidr": "inet"}


def operators(type_: Type, schema: Schema) -> tuple[str, bool]:
    """What decides whether an index can stay: the family of the type's operators."""
    plain, _ = base(type_, schema)
    return _OPERATORS.get(plain.name, plain.name), plain.array


_BY_ITSELF = frozenset(
    {
        ("json", "jsonb"),
        ("jsonb", "json"),
        ("date", "timestamp"),
        ("date", "timestamptz"),
        ("timestamp", "timestamptz"),
        ("timestamp", "date"),
        ("timestamp", "time"),
        ("timestamptz", "timestamp"),
        ("timestamptz", "date"),
        ("timestamptz", "time"),
        ("timestamptz", "timetz"),
        ("time", "interval"),
        ("time", "timetz"),
        ("timetz", "time"),
        ("interval", "time"),
        ("numeric", "money"),
        ("int4", "money"),
        ("int8", "money"),
        ("money", "numeric"),
        ("cidr", "inet"),
        ("inet", "cidr"),
        ("bit", "varbit"),
        ("varbit", "bit"),
        ("macaddr", "macaddr8"),
        ("macaddr8", "macaddr"),
    }
)


def castable(old: Type, new: Type, schema: Schema) -> bool | None:
    """Whether the value is cast without USING; None where nobody knows."""
    before, after = base(old, schema)[0], base(new, schema)[0]
    if before.array or after.array:
        if before.array != after.array:
            known = _known(before, schema) and _known(after, schema)
            return (after.name in _STRINGS and not after.array) if known else None
        before, after = (Type(each.name, each.schema) for each in (before, after))
    if before.named == after.named:
        return True
    if not (_known(before, schema) and _known(after, schema)):
        return None
    names = (before.name, after.name)
    if after.name in _STRINGS and not after.schema:
        return True
    if _NUMBERS.issuperset(names) or names in _BY_ITSELF:
        return True
    return None if _uncommon(names) else False


def _known(type_: Type, schema: Schema) -> bool:
    return type_.built_in or schema.type(type_.named) is not None


def _uncommon(names: tuple[str, str]) -> bool:
    """Casts this table leaves out."""
    return any(each in _OBJECTS or each in ("citext", "xml", "hstore") for each in names)
