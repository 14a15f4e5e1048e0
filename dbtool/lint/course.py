"""What else is in the statements of a migration, looked up without going through all of them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from dbtool.lint.actions import (
    Action,
    ChangeIdentity,
    DropColumn,
    DropNotNull,
    Rename,
    SetDefault,
    SetNotNull,
)
from dbtool.lint.schema import Name
from dbtool.statement import Statement

_OF_COLUMN = (SetNotNull, DropNotNull, SetDefault, ChangeIdentity, DropColumn)


@dataclass(frozen=True, slots=True)
class Course:
    """The statements of one way of a migration, in their order.

    `changes` are those of a table's column, each with the number of its statement; `calls` says
    how many statements one call of a revision, or one line of a script, has.
    """

    changes: Mapping[tuple[str, str], Sequence[tuple[int, Action]]] = field(default_factory=dict)
    calls: Mapping[tuple[str, int, str], int] = field(default_factory=dict)

    def later(self, number: int, table: Name, column: str) -> Iterator[Action]:
        """What the statements behind the one of a number do with a column."""
        changes = self.changes.get((table.name, column), ())
        behind = bisect_right(changes, number, key=itemgetter(0))
        return (action for _, action in changes[behind:])

    def stands_alone(self, statement: Statement) -> bool:
        """Whether the call that a statement is from does nothing else."""
        return self.calls.get(_call(statement)) == 1


def course(statements: Sequence[Statement], read: Sequence[Sequence[Action]]) -> Course:
    """The course of statements that do what was read of them."""
    changes: dict[tuple[str, str], list[tuple[int, Action]]] = {}
    for number, actions in enumerate(read):
        for action in actions:
            if isinstance(action, _OF_COLUMN):
                key = (action.table.name, action.column)
            elif isinstance(action, Rename) and action.kind == "column":
                key = (action.name.name, action.part)
            else:
                continue
            changes.setdefault(key, []).append((number, action))
    return Course(changes, Counter(map(_call, statements)))


def _call(statement: Statement) -> tuple[str, int, str]:
    return statement.file, statement.line, statement.operation
