"""The names the server gives to constraints and indexes that nobody named."""

from collections.abc import Container, Iterable, Iterator

from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Constraint, Holds, Index, Table
from dbtool.lint.values import replace

_LONGEST = 63
_WRITTEN = {"coalesce_expr": "coalesce", "case_expr": "case", "row_expr": "row"}
_SUFFIXES = {
    Holds.CHECK: "check",
    Holds.NOT_NULL: "not_null",
    Holds.PRIMARY_KEY: "pkey",
    Holds.UNIQUE: "key",
    Holds.FOREIGN_KEY: "fkey",
    Holds.EXCLUDE: "excl",
}


def constraint_name(table: str, constraint: Constraint, taken: Container[str]) -> str:
    """The name of a constraint."""
    columns = (*constraint.columns, *constraint.include)
    if constraint.kind is Holds.PRIMARY_KEY or (
        constraint.kind is Holds.CHECK and len(columns) != 1
    ):
        columns = ()
    return _free(table, "_".join(columns), _SUFFIXES[constraint.kind], taken)


def domain_checks(
    domain: str, checks: Iterable[Constraint], taken: Iterable[str] = ()
) -> tuple[Constraint, ...]:
    """The checks of a domain, each with its name."""
    named: dict[str, Constraint] = {}
    for each in checks:
        name = each.name or _free(domain, "", _SUFFIXES[Holds.CHECK], (*taken, *named))
        named[name] = replace(each, name=name)
    return tuple(named.values())


def named_not_null(table: Table, name: str) -> Constraint | None:
    """The constraint of a NOT NULL column that nobody named, as the server has it from 18 on.

    It keeps its name where its table or column gets another.
    """
    ends = [
        c for c, each in table.columns.items() if each.not_null and name.endswith(f"_{c}_not_null")
    ]
    if not ends:
        return None
    return Constraint(kind=Holds.NOT_NULL, name=name, columns=(max(ends, key=len),))


def index_name(table: str, index: Index, taken: Container[str]) -> str:
    """The name of an index."""
    expressions = iter(index.expressions)
    columns = [column or _said(expressions) for column in (*index.columns, *index.include)]
    return _free(table, "_".join(_each_once(columns)), "idx", taken)


def _each_once(columns: Iterable[str]) -> Iterator[str]:
    """The names, those that are there already with a number."""
    seen: set[str] = set()
    for column in columns:
        name, number = column, 0
        while name in seen:
            number += 1
            name = f"{column}{number}"
        seen.add(name)
        yield name


def _said(expressions: Iterable[Expression]) -> str:
    found = next(iter(expressions), None)
    return _called(found) if found is not None else "expr"


def _called(expression: Expression) -> str:
    """What a column would be called that had the value of an expression."""
    match expression.form:
        case Form.COLUMN:
            return expression.word
        case Form.FUNCTION:
            return expression.word.rpartition(".")[2]
        case Form.COLLATE:
            return _called(expression.parts[0])
        case Form.CAST:
            inner = _called(expression.parts[0])
            return expression.type.name if inner == "expr" and expression.type else inner
        case Form.ARRAY:
            return "array"
    return _WRITTEN.get(expression.word, "expr")


def _free(table: str, columns: str, suffix: str, taken: Container[str]) -> str:
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
