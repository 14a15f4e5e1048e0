"""The share of a table's rows that a condition keeps, as far as statistics tell."""

from math import prod

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.tables import Known, Table
from dbtool.explain.advice.terms import Side, Term, conditions

_EXPRESSION = 0.005
_BOUNDED = 1 / 3
_ANYTHING = 0.9
_UNKNOWN = 0.5


def share(table: Table, term: Term) -> float:
    """What one term keeps; where nothing is known, what the planner assumes too."""
    column = table.columns.get(term.column)
    if column is None or not column.distinct:
        return _EXPRESSION if term.equality and not term.column else _UNKNOWN
    match term.operator:
        case "IS NULL":
            return column.nulls
        case "IS NOT NULL":
            return 1 - column.nulls
        case "IS TRUE":
            return column.common.get("t", 0.0)
        case "IS FALSE":
            return column.common.get("f", 0.0)
    if not term.equality:
        return _BOUNDED if term.bounded else _ANYTHING
    said = term.value.strip("'") if term.side is Side.CONSTANT else None
    if said is not None and said in column.common:
        return column.common[said]
    rest = max(1 - column.nulls - sum(column.common.values()), 0.0)
    if said is not None and column.common:
        left = column.distinct - len(column.common)
        return rest / left if left >= 1 else 0.0
    return (1 - column.nulls) / column.distinct


def held(candidate: Candidate, known: Known) -> float:
    """The share of its table that is in a partial index; 1 for any other."""
    table = known.table(candidate.schema, candidate.table)
    if not candidate.predicate or table is None:
        return 1.0
    terms = conditions(f"({candidate.predicate})", table.name).every
    return prod(share(table, each) for each in terms)
