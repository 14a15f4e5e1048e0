"""What one statement does, in the words of a database team; one dataclass per kind of change."""

from dataclasses import field
from enum import StrEnum
from typing import Literal

from dbtool.lint.schema import Bound, Column, Constraint, Expression, Index, Name, Type
from dbtool.lint.values import value


@value()
class Like:
    """LIKE of another table, with the words behind INCLUDING in lower case."""

    table: Name
    including: frozenset[str] = frozenset()


@value(kw_only=True)
class CreateTable:
    """CREATE TABLE; `likes` are the tables it takes columns from, and what else of them."""

    table: Name
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    kind: Literal["table", "foreign table"] = "table"
    if_not_exists: bool = False
    persistence: Literal["permanent", "unlogged", "temporary"] = "permanent"
    partition_by: str = ""
    partition_keys: tuple[str, ...] = ()
    partition_of: Name | None = None
    bound: Bound | None = None
    inherits: tuple[Name, ...] = ()
    likes: tuple[Like, ...] = ()


@value(kw_only=True)
class CreateTableAs:
    """CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW."""

    table: Name
    materialized: bool = False
    with_data: bool = True
    if_not_exists: bool = False
    temporary: bool = False
    reads: frozenset[tuple[Name, str]] = frozenset()


@value(kw_only=True)
class Drop:
    """DROP of anything that is no index; `kind` is PostgreSQL's word, as `table`, `view`.

    For a trigger, rule or policy the name is the one of its table and `part` its own.
    """

    kind: str
    name: Name
    part: str = ""
    cascade: bool = False
    if_exists: bool = False


@value(kw_only=True)
class AddColumn:
    """ALTER TABLE … ADD COLUMN with everything that stands in its definition."""

    table: Name
    column: Column
    constraints: tuple[Constraint, ...] = ()
    if_not_exists: bool = False
    only: bool = False


@value(kw_only=True)
class DropColumn:
    """ALTER TABLE … DROP COLUMN."""

    table: Name
    column: str
    cascade: bool = False
    if_exists: bool = False


@value(kw_only=True)
class AlterColumnType:
    """ALTER TABLE … ALTER COLUMN … TYPE."""

    table: Name
    column: str
    type: Type
    using: Expression | None = None
    collation: str = ""
    only: bool = False


@value(kw_only=True)
class SetDefault:
    """SET DEFAULT; None drops it."""

    table: Name
    column: str
    default: Expression | None = None
    only: bool = False


@value(kw_only=True)
class SetNotNull:
    """ALTER COLUMN … SET NOT NULL."""

    table: Name
    column: str


@value(kw_only=True)
class DropNotNull:
    """ALTER COLUMN … DROP NOT NULL."""

    table: Name
    column: str


@value(kw_only=True)
class SetExpression:
    """SET EXPRESSION of a generated column; None drops the expression."""

    table: Name
    column: str
    expression: Expression | None = None


@value(kw_only=True)
class ChangeIdentity:
    """ADD GENERATED … AS IDENTITY, its change, and DROP IDENTITY."""

    table: Name
    column: str
    change: Literal["add", "set", "drop"]


@value(kw_only=True)
class AddConstraint:
    """ALTER TABLE … ADD CONSTRAINT; also ADD … USING INDEX.

    `only` says that partitions and children are left alone.
    """

    table: Name
    constraint: Constraint
    only: bool = False


@value(kw_only=True)
class ValidateConstraint:
    """ALTER TABLE … VALIDATE CONSTRAINT."""

    table: Name
    constraint: str


@value(kw_only=True)
class AlterConstraint:
    """ALTER TABLE … ALTER CONSTRAINT; `enforced` is None where that stays as it is."""

    table: Name
    constraint: str
    enforced: bool | None = None


@value(kw_only=True)
class DropConstraint:
    """ALTER TABLE … DROP CONSTRAINT."""

    table: Name
    constraint: str
    cascade: bool = False
    if_exists: bool = False


@value(kw_only=True)
class AlterTable:
    """Every other ALTER TABLE command; `change` is in PostgreSQL's words, as `set logged`."""

    table: Name
    change: str
    subject: str = ""


@value(kw_only=True)
class CreateIndex:
    """CREATE INDEX; `only` says that the partitions are left alone."""

    index: Index
    concurrently: bool = False
    if_not_exists: bool = False
    only: bool = False

    @property
    def table(self) -> Name:
        """The table it is built on."""
        return self.index.table


@value(kw_only=True)
class DropIndex:
    """DROP INDEX."""

    index: Name
    concurrently: bool = False
    cascade: bool = False
    if_exists: bool = False


@value(kw_only=True)
class Reindex:
    """REINDEX; `kind` is `index`, `table`, `schema`, `database` or `system`."""

    kind: str
    name: Name
    concurrently: bool = False


@value(kw_only=True)
class Rename:
    """RENAME; `kind` is PostgreSQL's word for what gets the name `to`.

    For a column, constraint, enum value, trigger and the like `part` is its old name and
    `name` the table or type it belongs to.
    """

    kind: str
    name: Name
    to: str
    part: str = ""
    if_exists: bool = False


@value(kw_only=True)
class SetSchema:
    """ALTER … SET SCHEMA."""

    kind: str
    name: Name
    schema: str


@value(kw_only=True)
class CreateType:
    """CREATE TYPE and CREATE DOMAIN."""

    name: Name
    kind: Literal["enum", "domain", "composite", "range", "other"]
    labels: tuple[str, ...] = ()
    base: Type | None = None
    constraints: tuple[Constraint, ...] = ()
    default: Expression | None = None


@value(kw_only=True)
class AddEnumValue:
    """ALTER TYPE … ADD VALUE."""

    type: Name
    label: str
    if_not_exists: bool = False


@value(kw_only=True)
class AlterDomain:
    """ALTER DOMAIN: `change` is one of the words below."""

    name: Name
    change: Literal[
        "add constraint",
        "validate constraint",
        "drop constraint",
        "set not null",
        "drop not null",
        "default",
    ]
    constraint: Constraint | None = None
    subject: str = ""


@value(kw_only=True)
class AlterType:
    """ALTER TYPE of a composite type: one of its attributes added, dropped or altered."""

    name: Name
    change: str


@value(kw_only=True)
class Inherit:
    """ALTER TABLE … INHERIT and NO INHERIT."""

    table: Name
    parent: Name
    drop: bool = False


@value(kw_only=True)
class AttachPartition:
    """ALTER TABLE … ATTACH PARTITION."""

    table: Name
    partition: Name
    bound: Bound


@value(kw_only=True)
class AttachIndex:
    """ALTER INDEX … ATTACH PARTITION."""

    index: Name
    partition: Name


@value(kw_only=True)
class DetachPartition:
    """ALTER TABLE … DETACH PARTITION."""

    table: Name
    partition: Name
    concurrently: bool = False
    finalize: bool = False


@value(kw_only=True)
class CreateView:
    """CREATE [OR REPLACE] VIEW."""

    view: Name
    reads: frozenset[tuple[Name, str]] = frozenset()
    replace: bool = False


@value(kw_only=True)
class RefreshView:
    """REFRESH MATERIALIZED VIEW."""

    view: Name
    concurrently: bool = False
    with_data: bool = True


@value(kw_only=True)
class CreateTrigger:
    """CREATE TRIGGER."""

    table: Name
    name: str
    replace: bool = False
    columns: tuple[str, ...] = ()
    references: Name | None = None


@value(kw_only=True)
class CreateFunction:
    """CREATE FUNCTION and CREATE PROCEDURE.

    `inlined` is the value that the server computes in the place of a call.
    """

    function: Name
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    replace: bool = False
    inlined: Expression | None = None


@value(kw_only=True)
class AlterFunction:
    """ALTER FUNCTION; `volatility` is None where it stays."""

    function: Name
    volatility: Literal["volatile", "stable", "immutable"] | None = None
    stays_inlined: bool = True


@value(kw_only=True)
class CreateSequence:
    """CREATE SEQUENCE."""

    sequence: Name
    if_not_exists: bool = False


@value(kw_only=True)
class Policy:
    """CREATE POLICY, ALTER POLICY; `columns` are those its conditions use."""

    table: Name
    name: str
    change: Literal["create", "alter"]
    columns: frozenset[str] = frozenset()


@value(kw_only=True)
class CreateRule:
    """CREATE RULE."""

    table: Name
    name: str


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
    few rows at a time, whichever they are.
    """

    kind: Writes
    table: Name
    columns: tuple[str, ...] = ()
    filtered: bool = False
    values: bool = False
    where: Expression | None = None
    batch: bool = False


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


Action = (
    CreateTable
    | CreateTableAs
    | Drop
    | AddColumn
    | DropColumn
    | AlterColumnType
    | SetDefault
    | SetNotNull
    | DropNotNull
    | SetExpression
    | ChangeIdentity
    | AddConstraint
    | ValidateConstraint
    | AlterConstraint
    | DropConstraint
    | AlterTable
    | CreateIndex
    | DropIndex
    | Reindex
    | Rename
    | SetSchema
    | CreateType
    | AddEnumValue
    | AlterDomain
    | AlterType
    | Inherit
    | AttachPartition
    | AttachIndex
    | DetachPartition
    | CreateView
    | RefreshView
    | CreateTrigger
    | CreateFunction
    | AlterFunction
    | CreateSequence
    | Policy
    | CreateRule
    | Maintain
    | Truncate
    | Write
    | Select
    | LockTable
    | SetVariable
    | Transaction
    | DoBlock
    | Grant
    | Comment
    | Other
    | TooDeep
    | Unparsable
)
