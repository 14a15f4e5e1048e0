"""What a statement does to a table: its columns, constraints and partitions."""

from typing import Literal

from dbtool.lint.schema import Bound, Column, Constraint, Expression, Name, Type
from dbtool.lint.values import value


@value()
class Like:
    """LIKE of another table, with the words behind INCLUDING in lower case."""

    table: Name
    including: frozenset[str] = frozenset()


@value(kw_only=True)
class CreateTable:
    """CREATE TABLE; `likes` are the tables it takes columns from, and what else of them.

    One `of_type` has the attributes of a composite type as its columns.
    """

    table: Name
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    kind: Literal["table", "foreign table"] = "table"
    if_not_exists: bool = False
    persistence: Literal["permanent", "unlogged", "temporary"] = "permanent"
    tablespace: str = ""
    partition_by: str = ""
    partition_keys: tuple[str, ...] = ()
    partition_of: Name | None = None
    bound: Bound | None = None
    inherits: tuple[Name, ...] = ()
    likes: tuple[Like, ...] = ()
    of_type: Name | None = None


@value(kw_only=True)
class CreateTableAs:
    """CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW."""

    table: Name
    materialized: bool = False
    with_data: bool = True
    if_not_exists: bool = False
    persistence: Literal["permanent", "unlogged", "temporary"] = "permanent"
    tablespace: str = ""
    reads: frozenset[tuple[Name, str]] = frozenset()


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
    sequence: Name | None = None


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
    """ALTER TABLE … ALTER CONSTRAINT; what stays as it is, is None."""

    table: Name
    constraint: str
    enforced: bool | None = None
    inherited: bool | None = None


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
class DetachPartition:
    """ALTER TABLE … DETACH PARTITION."""

    table: Name
    partition: Name
    concurrently: bool = False
    finalize: bool = False
