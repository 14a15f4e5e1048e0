"""What validated checks prove of the rows of a partition, and which bounds overlap."""

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from dbtool.lint.effects import implied
from dbtool.lint.effects.constants import Key, key_of
from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Bound, Holds, Schema, Table

_ORDERED = frozenset(("int2", "int4", "int8", "numeric", "date", "timestamp", "timestamptz"))
"""The types whose order is that of numbers and times as they are written.

That of text is for its collation to say, and a float may round two numbers to one.
"""


def ordered(table: Table, key: str) -> bool:
    """Whether limits of a key can be compared here; one of an unknown type is taken for that.

    The key of an expression has no name, and nobody knows the type of what it gives.
    """
    if not key:
        return False
    column = table.columns.get(key)
    return column is None or column.type is None or column.type.name in _ORDERED


def outside(table: Table, parent: Table, bound: Bound, schema: Schema) -> bool:
    """Whether validated checks of a default partition say that no row is within a new bound."""
    key = _key(table, parent, schema)
    wanted = implied.outside(bound, key) if key is not None else None
    return key is not None and wanted is not None and implied.implies(_proven(table, key), wanted)


def inside(table: Table, parent: Table, bound: Bound, schema: Schema) -> bool:
    """Whether validated checks say that all rows are within a bound, and within those above it."""
    key = _key(table, parent, schema)
    wanted = implied.inside(bound, key) if key is not None else None
    if key is None or wanted is None or not implied.implies(_proven(table, key), wanted):
        return False
    if parent.bound is None or parent.parent is None:
        return True
    above = schema.table(parent.parent)
    return above is not None and inside(table, above, parent.bound, schema)


def _key(table: Table, parent: Table, schema: Schema) -> Key | None:
    """The one plain column that a table is partitioned by."""
    if len(parent.partition_keys) != 1:
        return None
    name = parent.partition_keys[0]
    known = (each.columns.get(name) for each in (table, parent))
    return next((key for each in known if (key := key_of(each, schema)) is not None), None)


def _proven(table: Table, key: Key) -> implied.Condition:
    """All that the validated checks of a table, and its NOT NULL, say of a key."""
    checks = [
        implied.condition(each.expression, key)
        for each in table.having(Holds.CHECK)
        if each.valid and each.enforced and each.expression is not None
    ]
    column = table.columns.get(key.column)
    if column is not None and column.not_null:
        checks.append(implied.Null(negated=True))
    return implied.combined("all", checks)


def overlapping(bound: Bound, other: Bound, *, comparable: bool = True) -> bool:
    """Whether a row could belong to both; of bounds that cannot be compared nothing is said."""
    if bound.default or other.default:
        return bound.default and other.default
    if bound.values and other.values:
        return not {bare(each) for each in bound.values}.isdisjoint(map(bare, other.values))
    if bound.modulus and other.modulus:
        return not (bound.remainder - other.remainder) % math.gcd(bound.modulus, other.modulus)
    if not comparable or len(bound.lower) != 1 or len(other.lower) != 1:
        return False
    limits = _limits(*bound.lower, *bound.upper, *other.lower, *other.upper)
    if limits is None:
        return False
    lower, upper, theirs, until = limits
    return lower < until and theirs < upper


def _limits(*expressions: Expression) -> list[Decimal] | None:
    """Bounds as numbers; None where they cannot be compared, as times with and without a zone."""
    found = [_limit(bare(each).word) for each in expressions]
    known = [each for each in found if each is not None]
    zones = {zoned for _, zoned in known if zoned is not None}
    return [number for number, _ in known] if len(known) == len(found) and len(zones) < 2 else None


def _limit(text: str) -> tuple[Decimal, bool | None] | None:
    """A number, or a time as one and whether it names its zone."""
    ends = {"minvalue": Decimal("-Infinity"), "maxvalue": Decimal("Infinity")}
    if text.lower() in ends:
        return ends[text.lower()], None
    try:
        number = Decimal(text)
    except InvalidOperation:
        pass
    else:
        return None if number.is_nan() else (number, None)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return Decimal(zoned.timestamp()), bool(time.tzinfo)


def bare(expression: Expression) -> Expression:
    """A constant without casts and quotes, so that '2024-01-01'::date is '2024-01-01'."""
    while expression.form is Form.CAST:
        expression = expression.parts[0]
    if expression.form is Form.COLUMN:
        return Expression(Form.CONSTANT, expression.word)
    return Expression(expression.form, expression.word.strip("'"), expression.parts)
