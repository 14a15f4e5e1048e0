"""The names the server gives to constraints and indexes that nobody named."""

from collections.abc import Collection, Iterable

from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Constraint, Holds, Index
from dbtool.lint.values import replace

_LONGEST = 63
_SUFFIXES = {
    Holds.CHECK: "check",
    Holds.NOT_NULL: "not_null",
    Holds.PRIMARY_KEY: "pkey",
    Holds.UNIQUE: "key",
    Holds.FOREIGN_KEY: "fkey",
    Holds.EXCLUDE: "excl",
}


def constraint_name(table: str, constraint: Constraint, taken: Collection[str]) -> str:
    """The name of a constraint."""
    columns = (*constraint.columns, *constraint.include)
    if constraint.kind is Holds.PRIMARY_KEY or (
        constraint.kind is Holds.CHECK and len(columns) != 1
    ):
        columns = ()
    return _free(table, "_".join(columns), _SUFFIXES[constraint.kind], taken)


def domain_checks(
    domain: str, checks: Iterable[Constraint], taken: Collection[str] = ()
) -> tuple[Constraint, ...]:
    """The checks of a domain, each with its name."""
    named: dict[str, Constraint] = {}
    for each in checks:
        name = each.name or _free(domain, "", _SUFFIXES[Holds.CHECK], (*taken, *named))
        named[name] = replace(each, name=name)
    return tuple(named.values())


def index_name(table: str, index: Index, taken: Collection[str]) -> str:
    """The name of an index."""
    expressions = iter(index.expressions)
    columns = [column or _said(expressions) for column in (*index.columns, *index.include)]
    return _free(table, "_".join(columns), "idx", taken)


def _said(expressions: Iterable[Expression]) -> str:
    found = next(iter(expressions), None)
    return found.word if found is not None and found.form is Form.FUNCTION else "expr"


def _free(table: str, columns: str, suffix: str, taken: Collection[str]) -> str:
    number = 0
    while True:
        name = _joined(table, columns, f"{suffix}{number or ''}")
        if name not in taken:
            return name
        number += 1


def _joined(table: str, columns: str, suffix: str) -> str:
    """The parts with underscores between, the longer of the first two cut where it is needed."""
    room = _LONGEST - len(suffix) - 1 - (1 if columns else 0)
    while len(table) + len(columns) > room:
        if len(table) > len(columns):
            table = table[:-1]
        else:
            columns = columns[:-1]
    return "_".join(part for part in (table, columns, suffix) if part)
