"""A statement of a migration in its neutral form, whoever wrote it: an operation or plain SQL."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement, where it came from, and with what it commits.

    `line` is where the operation, or the statement itself, begins in `file`. Statements that
    share a `transaction` commit together; None stands for a statement that commits by itself.
    `operation` is the call that rendered it, as `op.add_column`; `source` the text of that call.
    """

    sql: str
    file: str = ""
    line: int = 0
    revision: str = ""
    operation: str = ""
    source: str = ""
    transaction: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a migration whose statements are not known without running it.

    `after` counts the statements of the way up that run before it; None where its line tells.
    """

    line: int
    reason: str
    after: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One revision, or one file of SQL, with the statements it would run, in order.

    `judged` is false for what only leads to the state that others are judged in. `down` is
    None where nobody asked for it, and where there is no way down. `database` tells histories
    apart where a project has several; what one does is not in the other.
    """

    name: str
    file: str = ""
    text: str = ""
    up: tuple[Statement, ...] = ()
    down: tuple[Statement, ...] | None = None
    gaps: tuple[Gap, ...] = ()
    judged: bool = True
    database: str = ""


class Takes(StrEnum):
    """What a statement takes from code that was written before it."""

    TABLE = "drop table"
    COLUMN = "drop column"
    TABLE_NAME = "rename table"
    COLUMN_NAME = "rename column"
    NULL = "set not null"
    DEFAULT = "drop default"
    TYPE = "change type"
    SILENCE = "add required column"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One thing a statement takes away; `to` is the new name or type, where there is one.

    A required column that is added takes away that nobody had to name it. The schema is empty
    where the statement names none. `supplied` says that the column is given a default beside it.
    """

    what: Takes
    schema: str
    table: str
    column: str = ""
    to: str = ""
    supplied: bool = False
    statement: Statement
