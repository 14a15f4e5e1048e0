"""What the rules about new columns have in common: which step it is, and the way around it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from postgast import pg_query_pb2 as pb

from dbtool.lint.actions import AddColumn
from dbtool.lint.code.adding import Addition, without_constraint
from dbtool.lint.code.statements import without, written_beside
from dbtool.lint.effect import Cause, Effect, Task
from dbtool.lint.schema import Name, Table, Type
from dbtool.lint.subject import Subject

_UNKNOWN = Type("text")


@dataclass(frozen=True, slots=True)
class Added:
    """One ADD COLUMN, its place among the commands of the statement, and what it does."""

    place: int
    action: AddColumn
    effect: Effect
    tasks: tuple[Task, ...]

    @property
    def column(self) -> str:
        """The column in words."""
        return f"{self.action.table}.{self.action.column.name}"


def added(subject: Subject, *causes: Cause) -> Iterator[Added]:
    """The ADD COLUMNs that do work for one of the causes, or may do."""
    for place, step in enumerate(subject.steps):
        if isinstance(step.action, AddColumn):
            tasks = tuple(step.effect.of(*causes))
            if tasks or any(step.effect.undecided(*causes)):
                yield Added(place, step.action, step.effect, tasks)


def fails(each: Added) -> bool:
    """Whether the server refuses it on a table with rows, so that the rest does not matter."""
    return any(task.if_rows for task in each.effect.of(Cause.ADD_NOT_NULL))


def addition(subject: Subject, each: Added, kind: int | None = None) -> Addition:
    """The column to add; its value is what stands in a constraint of a kind of the parser's."""
    table = subject.table(each.action.table)
    value = None if kind is None else written_beside(subject.statement.sql, each.place, kind)
    column = each.action.column
    return Addition(
        table=each.action.table,
        column=column.name,
        type=column.type or _UNKNOWN,
        parts=_parts(subject, table) if table and table.partition_by else (),
        value=value or str(column.default or ""),
        required=bool(column.not_null),
    )


def apart(subject: Subject, each: Added, *kinds: int) -> str:
    """The column with all that is said of it but constraints of some of the parser's kinds."""
    sql, plain = without(subject.statement.sql, each.place, *kinds)
    new = addition(subject, each, pb.CONSTR_DEFAULT)
    made = each.action.column
    plain = plain and not (made.serial or made.identity or made.generated)
    if pb.CONSTR_DEFAULT in kinds:
        new = replace(new, value="", required=False)
    return without_constraint(new, sql, plain)


def _parts(subject: Subject, table: Table) -> tuple[Name, ...]:
    """The tables with the rows of a partitioned one, named as the team would."""
    family = (each.name for each in subject.schema.family(table) if not each.partition_by)
    return tuple(
        Name("", each.name) if subject.shown(each) == each.name else each for each in family
    )
