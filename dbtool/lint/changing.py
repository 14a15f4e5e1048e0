"""What the rules about a column's type have in common: the change, and the way around it."""

from collections.abc import Iterator

from dbtool.finding import Fix
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.code import chain
from dbtool.lint.code.columns import validate
from dbtool.lint.code.constraints import add_check
from dbtool.lint.code.statements import using
from dbtool.lint.code.types import Change, type_chain
from dbtool.lint.effects.casts import base
from dbtool.lint.schema import UserType
from dbtool.lint.subject import Subject
from dbtool.lint.values import replace

_BESIDE = "fill a new column beside it, then swap the two"


def change_of(subject: Subject, action: AlterColumnType, place: int) -> Change:
    """The change that the action at a place of the statement makes."""
    known = subject.table(action.table)
    value = using(subject.statement.sql, place) if action.using is not None else None
    return Change(
        written=action.table,
        column=action.column,
        type=action.type,
        value=value or "",
        known=known,
        referring=tuple(_referring(subject, action)),
        below=subject.schema.family(known)[1:] if known else (),
    )


def _referring(subject: Subject, action: AlterColumnType) -> Iterator[str]:
    """What of other tables hangs on the column."""
    table = subject.table(action.table)
    for other in subject.schema.referring(table) if table else ():
        for key in other.foreign_keys:
            if table and key.references == table.name and action.column in key.referenced:
                yield f"{key.name} of {subject.shown(other.name)}"
    for view in subject.schema.readers(table.name, action.column) if table else ():
        yield f"view {subject.shown(view.name)}"


def safely(subject: Subject, change: Change) -> Fix:
    """The revisions that get there: a column beside it, or for a domain checks of the table."""
    domain = subject.schema.type(change.type.named)
    if domain is None or domain.kind != "domain" or not domain.constrained:
        return Fix("python", type_chain(change), _BESIDE)
    plain, _ = base(change.type, subject.schema)
    before = change.before.type
    code = [*_checks(change, domain)]
    if before is None or base(before, subject.schema)[0].named != plain.named:
        code = [type_chain(replace(change, type=plain)), *code]
    return Fix("python", chain(*code), "hold the column to the domain's conditions by checks")


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
