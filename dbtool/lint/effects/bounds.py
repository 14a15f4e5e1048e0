"""Whether validated checks keep the rows of a new partition out of the default one."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Bound, Holds, Table

_Compare = Callable[[Expression, Expression], bool]


_ORDERED = frozenset(
    ("int2", "int4", "int8", "numeric", "float4", "float8", "date", "timestamp", "timestamptz")
)
"""The types whose order is that of numbers and times; that of text is for its collation to say."""


def ordered(table: Table, key: str) -> bool:
    """Whether limits of a key can be compared here; one of an unknown type is taken for that.

    The key of an expression has no name, and nobody knows the type of what it gives.
    """
    if not key:
        return False
    column = table.columns.get(key)
    return column is None or column.type is None or column.type.name in _ORDERED


def outside(table: Table, key: str, bound: Bound) -> bool:
    """Whether a validated check of a default partition says that no row is within the bound."""
    compare = _comparing(table, key)
    checks = (
        _pushed(each.expression)
        for each in table.having(Holds.CHECK)
        if each.valid and each.expression is not None
    )
    return any(_excludes(part, key, bound, compare) for check in checks for part in _all_of(check))


_WHOLE = frozenset(("int2", "int4", "int8"))


def _comparing(table: Table, key: str) -> _Compare:
    """How limits are compared; the server proves nothing of whole numbers by another type."""
    if not ordered(table, key):
        return _is_same
    column = table.columns.get(key)
    if column is None or column.type is None or column.type.name not in _WHOLE:
        return _reaches
    return lambda higher, lower: _reaches(higher, lower) and not (_broken(higher) or _broken(lower))


_WHOLE_NUMBER = re.compile(r"-?[0-9]+|minvalue|maxvalue", re.IGNORECASE)


def _broken(limit: Expression) -> bool:
    """Whether a limit is not written as a whole number, or is made into something else."""
    while limit.form is Form.CAST:
        if limit.type is None or limit.type.array or limit.type.name not in _WHOLE:
            return True
        limit = limit.parts[0]
    return _WHOLE_NUMBER.fullmatch(bare(limit).word) is None


_NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "<>", "<>": "="}


def _pushed(expression: Expression, *, negated: bool = False) -> Expression:
    """A condition with its NOTs moved to where they turn comparisons around."""
    form, parts = expression.form, expression.parts
    if form is Form.NOT:
        return _pushed(parts[0], negated=not negated)
    if form in (Form.AND, Form.OR):
        other = Form.OR if form is Form.AND else Form.AND
        moved = tuple(_pushed(each, negated=negated) for each in parts)
        return Expression(other if negated else form, expression.word, moved)
    if not negated:
        return expression
    if form is Form.OPERATOR and expression.word in _NEGATED and len(parts) == 2:
        return Expression(form, _NEGATED[expression.word], parts)
    if form is Form.OTHER and expression.word == "in":
        return Expression(form, "in <>", parts)
    if form in (Form.IS_NULL, Form.IS_NOT_NULL):
        turned = Form.IS_NOT_NULL if form is Form.IS_NULL else Form.IS_NULL
        return Expression(turned, expression.word, parts)
    return Expression(Form.NOT, "", (expression,))


def _all_of(expression: Expression) -> list[Expression]:
    if expression.form is Form.AND:
        return [part for each in expression.parts for part in _all_of(each)]
    return [expression]


def _any_of(expression: Expression) -> list[Expression]:
    if expression.form is Form.OR:
        return [part for each in expression.parts for part in _any_of(each)]
    return [expression]


def _excludes(check: Expression, key: str, bound: Bound, compare: _Compare) -> bool:
    """Each way the check can hold has to lie outside of the bound."""
    if bound.values:
        return {bare(each) for each in bound.values} <= _ruled_out(check, key)
    return all(_beside(each, key, bound, compare) for each in _any_of(check))


def _ruled_out(check: Expression, key: str) -> set[Expression]:
    """The values that the key does not have where `key <> v` or `key NOT IN (…)` holds."""
    if not check.parts or not _is_key(check.parts[0], key):
        return set()
    if check.form is Form.OPERATOR and check.word == "<>":
        return {bare(check.parts[1])}
    if check.word == "in <>":
        rest = check.parts[1:]
        items = rest[0].parts if rest and rest[0].word == "list" else rest
        return {bare(each) for each in items}
    return set()


def _beside(check: Expression, key: str, bound: Bound, reaches: _Compare) -> bool:
    if check.form is Form.IS_NULL:
        return _is_key(check.parts[0], key)
    if check.form is Form.OTHER and check.word == "in" and _is_key(check.parts[0], key):
        return all(_apart(each, bound, reaches) for each in check.parts[1:])
    if check.form is not Form.OPERATOR or len(check.parts) != 2:
        return False
    column, limit = check.parts
    if not _is_key(column, key):
        return False
    if check.word == "=":
        return _apart(limit, bound, reaches)
    if check.word == "<":
        return any(reaches(each, limit) for each in bound.lower)
    if check.word in (">=", ">"):
        return any(reaches(limit, each) for each in bound.upper)
    return False


def _apart(value: Expression, bound: Bound, reaches: _Compare) -> bool:
    """Whether one value is not between the limits: the upper is none of them."""
    above = any(reaches(value, each) for each in bound.upper)
    below = any(reaches(each, value) and not reaches(value, each) for each in bound.lower)
    return above or below


def _is_key(expression: Expression, key: str) -> bool:
    return expression.form is Form.COLUMN and expression.word == key


def _reaches(higher: Expression, lower: Expression) -> bool:
    """Whether one limit is not below the other; what is no number and no time has to be equal."""
    found = _limits(higher, lower)
    return found[0] >= found[1] if found else _is_same(higher, lower)


def _is_same(one: Expression, other: Expression) -> bool:
    return bare(one) == bare(other)


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


def _limits(*expressions: Expression) -> list[float] | None:
    """Bounds as numbers; None where they cannot be compared, as times with and without a zone."""
    found = [_limit(bare(each).word) for each in expressions]
    known = [each for each in found if each is not None]
    zones = {zoned for _, zoned in known if zoned is not None}
    return [number for number, _ in known] if len(known) == len(found) and len(zones) < 2 else None


def _limit(text: str) -> tuple[float, bool | None] | None:
    """A number, or a time as one and whether it names its zone."""
    ends = {"minvalue": -math.inf, "maxvalue": math.inf}
    if text.lower() in ends:
        return ends[text.lower()], None
    try:
        return float(text), None
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), bool(time.tzinfo)


def bare(expression: Expression) -> Expression:
    """A constant without casts and quotes, so that '2024-01-01'::date is '2024-01-01'."""
    while expression.form is Form.CAST:
        expression = expression.parts[0]
    if expression.form is Form.COLUMN:
        return Expression(Form.CONSTANT, expression.word)
    return Expression(expression.form, expression.word.strip("'"), expression.parts)
