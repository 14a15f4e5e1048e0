"""What a statement does without changing a definition: rows, upkeep, settings, and the rest."""

from dataclasses import field
from enum import StrEnum
from typing import Literal

from dbtool.lint.schema import Expression, Name
from dbtool.lint.values import value


@value(kw_only=True)
class Maintain:
    """VACUUM, ANALYZE, CLUSTER; `table` is None where it is about the whole database."""

    command: Literal["vacuum", "vacuum full", "analyze", "cluster"]
    table: Name | None = None


@value(kw_only=True)
class Truncate:
    """TRUNCATE of one table."""

    table: Name
    cascade: bool = False
    beside: tuple[Name, ...] = ()


class Writes(StrEnum):
    """The statements that change rows."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    COPY = "copy"


@value(kw_only=True)
class Write:
    """INSERT, UPDATE, DELETE, MERGE, COPY FROM.

    `filtered` says that a condition stands in it, `values` that its rows are written out.
    `columns` are the columns it sets, as far as they are named. `batch` says that it changes a
    few rows at a time, whichever they are. `only` says that the rows of partitions are left alone.
    """

    kind: Writes
    table: Name
    columns: tuple[str, ...] = ()
    filtered: bool = False
    values: bool = False
    where: Expression | None = None
    batch: bool = False
    only: bool = False


@value(kw_only=True)
class Select:
    """A query; `locking` says that it has FOR UPDATE or the like."""

    reads: frozenset[Name] = frozenset()
    functions: frozenset[str] = frozenset()
    locking: bool = False


@value(kw_only=True)
class LockTable:
    """LOCK TABLE of one table; `mode` counts from 1, ACCESS SHARE, to 8, ACCESS EXCLUSIVE."""

    table: Name
    mode: int


@value(kw_only=True)
class SetVariable:
    """SET and RESET; `value` is empty for the default."""

    name: str
    value: str = ""
    local: bool = False


@value(kw_only=True)
class Transaction:
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT …, in lower case."""

    command: str


@value(kw_only=True)
class DoBlock:
    """DO; the actions of the statements written out in it follow.

    `maybe` has the places, counted from the one behind it, of those that a branch, a loop or a
    handler decides over. `hidden` says what of it nobody can read.
    """

    text: str = field(default="", repr=False)
    maybe: frozenset[int] = frozenset()
    hidden: str = ""


@value(kw_only=True)
class Grant:
    """GRANT and REVOKE on tables."""

    tables: tuple[Name, ...] = ()
    revoke: bool = False


@value(kw_only=True)
class Comment:
    """COMMENT ON; `table` where it is about one or a part of one."""

    table: Name | None = None


@value(kw_only=True)
class Other:
    """A statement with nothing to judge; `kind` is the parser's word for it."""

    kind: str


@value(kw_only=True)
class TooDeep:
    """A statement nested deeper than the parser hands over."""

    command: str


@value(kw_only=True)
class Unparsable:
    """Text that is not SQL; `offset` counts characters of the statement."""

    message: str
    offset: int
