"""Whether validated checks keep the rows of a new partition out of the default one."""

import math
from datetime import UTC, datetime

from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Bound, Holds, Table


def outside(table: Table, key: str, bound: Bound) -> bool:
    """Whether a validated check of a default partition says that no row is within the bound."""
    checks = (
        each.expression
        for each in table.having(Holds.CHECK)
        if each.valid and each.expression is not None
    )
    return any(_excludes(part, key, bound) for check in checks for part in _all_of(check))


def _all_of(expression: Expression) -> list[Expression]:
    if expression.form is Form.AND:
        return [part for each in expression.parts for part in _all_of(each)]
    return [expression]


def _any_of(expression: Expression) -> list[Expression]:
    if expression.form is Form.OR:
        return [part for each in expression.parts for part in _any_of(each)]
    return [expression]


def _excludes(check: Expression, key: str, bound: Bound) -> bool:
    """Each way the check can hold has to lie outside of the bound."""
    if bound.values:
        return {bare(each) for each in bound.values} <= _ruled_out(check, key)
    return all(_beside(each, key, bound) for each in _any_of(check))


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


def _beside(check: Expression, key: str, bound: Bound) -> bool:
    if check.form is Form.IS_NULL:
        return _is_key(check.parts[0], key)
    if check.form is not Form.OPERATOR or len(check.parts) != 2:
        return False
    column, limit = check.parts
    if not _is_key(column, key):
        return False
    if check.word == "<":
        return any(_reaches(each, limit) for each in bound.lower)
    if check.word in (">=", ">"):
        return any(_reaches(limit, each) for each in bound.upper)
    return False


def _is_key(expression: Expression, key: str) -> bool:
    return expression.form is Form.COLUMN and expression.word == key


def _reaches(higher: Expression, lower: Expression) -> bool:
    """Whether one limit is not below the other; others than numbers only where they are equal."""
    one, other = bare(higher), bare(lower)
    try:
        return float(one.word) >= float(other.word)
    except ValueError:
        return one == other


def overlapping(bound: Bound, other: Bound) -> bool:
    """Whether a row could belong to both; of bounds that cannot be compared nothing is said."""
    if bound.default or other.default:
        return bound.default and other.default
    if bound.values and other.values:
        return not {bare(each) for each in bound.values}.isdisjoint(map(bare, other.values))
    if len(bound.lower) != 1 or len(other.lower) != 1:
        return False
    limits = [limit(each) for each in (*bound.lower, *bound.upper, *other.lower, *other.upper)]
    if any(each is None for each in limits):
        return False
    lower, upper, theirs, until = (each or 0.0 for each in limits)
    return lower < until and theirs < upper


def limit(expression: Expression) -> float | None:
    """A number, or a day as a number, as a bound of a range."""
    text = bare(expression).word
    ends = {"minvalue": -math.inf, "maxvalue": math.inf}
    if text.lower() in ends:
        return ends[text.lower()]
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def bare(expression: Expression) -> Expression:
    """A constant without casts and quotes, so that '2024-01-01'::date is '2024-01-01'."""
    while expression.form is Form.CAST:
        expression = expression.parts[0]
    if expression.form is Form.COLUMN:
        return Expression(Form.CONSTANT, expression.word)
    return Expression(expression.form, expression.word.strip("'"), expression.parts)
