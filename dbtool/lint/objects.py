"""The objects of a catalog, each as it is at one moment."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Literal

from dbtool.lint.expression import Expression, Name, Type
from dbtool.lint.values import replace, value

USUAL_TABLESPACE = "pg_default"
"""The tablespace of databases that were given no other."""


@value(kw_only=True)
class Column:
    """A column; `type` is None where only its name is known.

    `sequence` is the name that IDENTITY (SEQUENCE NAME …) gives to its own.
    """

    name: str
    type: Type | None = None
    not_null: bool | None = False
    default: Expression | None = None
    generated: Literal["", "stored", "virtual"] = ""
    identity: bool = False
    serial: bool = False
    collation: str = ""
    sequence: Name | None = None


@value(kw_only=True)
class Sequence:
    """A sequence; `owner` is the table and column it goes with, which it may be `numbering`."""

    name: Name
    owner: tuple[Name, str] | None = None
    numbering: bool = False


class Holds(StrEnum):
    """The kinds of constraint."""

    CHECK = "check"
    NOT_NULL = "not null"
    PRIMARY_KEY = "primary key"
    UNIQUE = "unique"
    FOREIGN_KEY = "foreign key"
    EXCLUDE = "exclude"


@value(kw_only=True)
class Constraint:
    """A constraint of a table or domain.

    `index` is the existing index it was made from. `references` is the other table of a
    foreign key, `referenced` its columns (none where the primary key is meant). A `temporal` one
    holds for stretches of time: no index or call can say so.
    """

    kind: Holds
    name: str = ""
    columns: tuple[str, ...] = ()
    expression: Expression | None = None
    valid: bool = True
    enforced: bool = True
    references: Name | None = None
    referenced: tuple[str, ...] = ()
    index: str = ""
    include: tuple[str, ...] = ()
    no_inherit: bool = False
    temporal: bool = False


@value(kw_only=True)
class Index:
    """An index; `columns` has an empty string where an expression stands.

    `options` has for each element what stands behind it, as `DESC` or an operator class.
    """

    name: str
    table: Name
    columns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()
    predicate: Expression | None = None
    include: tuple[str, ...] = ()
    unique: bool = False
    method: str = "btree"
    valid: bool = True
    constraint: str = ""
    part_of: str = ""

    def uses(self, column: str) -> bool:
        """Whether the column is anywhere in it."""
        within = (*self.expressions, *((self.predicate,) if self.predicate else ()))
        return (
            column in self.columns
            or column in self.include
            or any(column in each.columns for each in within)
        )


@value()
class Bound:
    """Which rows a partition takes: those of a list, those of a range, or all others.

    Of hash partitioning it has a modulus and a remainder.
    """

    default: bool = False
    values: tuple[Expression, ...] = ()
    lower: tuple[Expression, ...] = ()
    upper: tuple[Expression, ...] = ()
    text: str = ""
    modulus: int = 0
    remainder: int = 0


@value()
class Conditions:
    """The columns that USING and WITH CHECK of a policy use."""

    using: frozenset[str] = frozenset()
    check: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """Those of either."""
        return self.using | self.check


@value(kw_only=True)
class Table:
    """A table, partitioned table, materialized view or foreign table.

    `complete` says that its CREATE was seen, so that a column not listed does not exist.
    `new` says that no deployed program uses it: it was created by what is being judged.
    `tablespace` is empty for the database's own, `partition_by` where the table is not
    partitioned, else as `range (day)`. `triggers` have the columns of their UPDATE OF,
    `policies` their conditions. `of_type` is the composite type that says its columns.
    """

    name: Name
    kind: Literal["table", "materialized view", "foreign table"] = "table"
    columns: Mapping[str, Column] = field(default_factory=dict)
    constraints: Mapping[str, Constraint] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    complete: bool = True
    new: bool = False
    created_by: str = ""
    persistence: Literal["permanent", "unlogged", "temporary"] = "permanent"
    tablespace: str = ""
    partition_by: str = ""
    partition_keys: tuple[str, ...] = ()
    parent: Name | None = None
    bound: Bound | None = None
    children: tuple[Name, ...] = ()
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, Conditions] = field(default_factory=dict)
    of_type: Name | None = None

    def having(self, kind: Holds) -> Iterator[Constraint]:
        """Its constraints of one kind."""
        return (each for each in self.constraints.values() if each.kind is kind)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of its primary key."""
        return next((each.columns for each in self.having(Holds.PRIMARY_KEY)), ())

    @property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """Its references to other tables."""
        return tuple(self.having(Holds.FOREIGN_KEY))


@value(kw_only=True)
class UserType:
    """A type of the user; `base` is what a domain stands on."""

    name: Name
    kind: Literal["enum", "domain", "composite", "range", "other"]
    labels: tuple[str, ...] = ()
    base: Type | None = None
    checks: tuple[Constraint, ...] = ()
    not_null: bool = False
    default: Expression | None = None
    new: bool = False

    @property
    def constrained(self) -> bool:
        """Whether a domain has to look at each value."""
        return self.not_null or bool(self.checks)


@value(kw_only=True)
class View:
    """A view and the columns of tables it reads; a column `*` stands for any."""

    name: Name
    reads: frozenset[tuple[Name, str]] = frozenset()

    @property
    def relations(self) -> frozenset[Name]:
        """The tables and views it reads."""
        return frozenset(name for name, _ in self.reads)


@value(kw_only=True)
class Function:
    """A function of the user: all its overloads share what is known.

    `inlined` is the value that the server computes in the place of a call. `changes` says that
    it may create or drop something, `calls` which others it may call.
    """

    name: Name
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    inlined: Expression | None = None
    changes: bool = False
    calls: frozenset[str] = frozenset()


def with_columns(table: Table, columns: Iterable[Column]) -> Table:
    """The table with columns added or replaced."""
    return replace(table, columns={**table.columns, **{each.name: each for each in columns}})
