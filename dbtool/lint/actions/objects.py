"""What a statement does to what is no table: indexes, types, views, functions, names."""

from typing import Literal

from dbtool.lint.schema import Constraint, Expression, Index, Name, Type
from dbtool.lint.values import value

DomainChange = Literal[
    "add constraint",
    "validate constraint",
    "drop constraint",
    "set not null",
    "drop not null",
    "default",
]


@value(kw_only=True)
class Drop:
    """DROP of anything that is no index; `kind` is PostgreSQL's word, as `table`, `view`.

    For a trigger, rule or policy the name is the one of its table and `part` its own. `beside`
    are all that the statement names.
    """

    kind: str
    name: Name
    part: str = ""
    cascade: bool = False
    if_exists: bool = False
    beside: tuple[Name, ...] = ()


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
    if_exists: bool = False


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
class AttachIndex:
    """ALTER INDEX … ATTACH PARTITION."""

    index: Name
    partition: Name


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
    """ALTER DOMAIN: `change` says what of it."""

    name: Name
    change: DomainChange
    constraint: Constraint | None = None
    subject: str = ""


@value(kw_only=True)
class AlterType:
    """ALTER TYPE of a composite type: one of its attributes added, dropped or altered."""

    name: Name
    change: str
    cascade: bool = False


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

    `inlined` is the value that the server computes in the place of a call. `changes` says that
    it may create or drop something, `calls` which others it may call.
    """

    function: Name
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    replace: bool = False
    inlined: Expression | None = None
    changes: bool = False
    calls: frozenset[str] = frozenset()


@value(kw_only=True)
class AlterFunction:
    """ALTER FUNCTION; `volatility` is None where it stays."""

    function: Name
    volatility: Literal["volatile", "stable", "immutable"] | None = None
    stays_inlined: bool = True


@value(kw_only=True)
class CreateSequence:
    """CREATE SEQUENCE; `owner` is the table and column of OWNED BY."""

    sequence: Name
    if_not_exists: bool = False
    owner: tuple[Name, str] | None = None


@value(kw_only=True)
class OwnSequence:
    """ALTER SEQUENCE … OWNED BY; `owner` is None where it is to have none."""

    sequence: Name
    owner: tuple[Name, str] | None


@value(kw_only=True)
class Policy:
    """CREATE POLICY, ALTER POLICY, with the columns of each condition that is given."""

    table: Name
    name: str
    change: Literal["create", "alter"]
    using: frozenset[str] | None = None
    check: frozenset[str] | None = None


@value(kw_only=True)
class CreateRule:
    """CREATE RULE."""

    table: Name
    name: str
