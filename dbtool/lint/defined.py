"""The columns and constraints that a statement defines, wherever they stand in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from dbtool.lint.actions import AddColumn, AddConstraint, AlterColumnType, CreateTable
from dbtool.lint.schema import Column, Constraint, Holds, Name, Table, Type
from dbtool.lint.subject import Step, Subject

DEFINING = (CreateTable, AddColumn, AlterColumnType)
CONSTRAINING = (CreateTable, AddColumn, AddConstraint)


@dataclass(frozen=True, slots=True)
class Defined:
    """A column that gets its type; `key` says that it is the whole primary key."""

    table: Name
    column: Column
    key: bool = False


def columns(subject: Subject) -> Iterator[Defined]:
    """Every column that is created, or that gets another kind of type."""
    for step in _busy(subject):
        match step.action:
            case CreateTable(table=table, columns=made, constraints=constraints):
                for column in made:
                    yield Defined(table, column, _is_key(column, constraints))
            case AddColumn(table=table, column=column, constraints=constraints):
                yield Defined(table, column, _is_key(column, constraints))
            case AlterColumnType(table=table, column=name, type=type_):
                if not _of_that_kind(subject.table(table), name, type_):
                    yield Defined(table, Column(name=name, type=type_))


def _busy(subject: Subject) -> Iterator[Step]:
    """The steps that do something."""
    return (step for step in subject.steps if not step.effect.idle)


def _of_that_kind(table: Table | None, column: str, type_: Type) -> bool:
    """Whether only the length or precision of a type changes, which was told of before."""
    before = table.columns.get(column) if table else None
    old = before.type if before else None
    return old is not None and (old.named, bool(old.modifiers)) == (
        type_.named,
        bool(type_.modifiers),
    )


def _is_key(column: Column, constraints: tuple[Constraint, ...]) -> bool:
    wanted = (column.name,)
    return any(each.kind is Holds.PRIMARY_KEY and each.columns == wanted for each in constraints)


def constraints(subject: Subject) -> Iterator[tuple[Name, Constraint]]:
    """Every constraint that is created, with its table."""
    for step in _busy(subject):
        match step.action:
            case (
                CreateTable(table=table, constraints=made)
                | AddColumn(table=table, constraints=made)
            ):
                for each in made:
                    yield table, each
            case AddConstraint(table=table, constraint=constraint):
                yield table, constraint
