"""What the rules about a column's type have in common: the change, and the way around it."""

from collections.abc import Iterator

from dbtool.finding import Fix
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.code import chain
from dbtool.lint.code.columns import validate
from dbtool.lint.code.constraints import add_check
from dbtool.lint.code.statements import using
from dbtool.lint.code.types import Change, type_chain
from dbtool.lint.schema import UserType
from dbtool.lint.subject import Subject


def change_of(subject: Subject, action: AlterColumnType, place: int) -> Change:
    """The change that the action at a place of the statement makes."""
    value = using(subject.statement.sql, place) if action.using is not None else None
    return Change(
        written=action.table,
        column=action.column,
        type=action.type,
        value=value or "",
        known=subject.table(action.table),
    )


def safely(subject: Subject, change: Change) -> Fix:
    """The revisions that get there: a column beside it, or for a domain checks of the table."""
    domain = subject.schema.type(change.type.named)
    if domain is not None and domain.kind == "domain" and domain.constrained:
        code = chain(*_checks(change, domain))
        return Fix("python", code, "hold the column to the domain's conditions, keep its type")
    return Fix("python", type_chain(change), "fill a new column beside it, then swap the two")


def _checks(change: Change, domain: UserType) -> Iterator[str]:
    conditions = [
        str(each.expression.renamed("value", change.column))
        for each in domain.checks
        if each.expression is not None
    ]
    if domain.not_null:
        conditions.append(f"{change.column} IS NOT NULL")
    names = [
        f"{change.written.name}_{change.column}_{domain.name.name}{number or ''}"
        for number in range(len(conditions))
    ]
    for name, condition in zip(names, conditions, strict=True):
        yield add_check(change.written, name, condition)
    yield "\n".join(validate(change.written, name) for name in names)
