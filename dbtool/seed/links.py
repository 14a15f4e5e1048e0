"""The foreign keys of a table as ways to parents, and what makes its rows differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dbtool.seed.live import LiveConstraint


class Way(StrEnum):
    """How a row gets its parent."""

    WALK = "dealt parent by parent"
    OTHER = "a different one each time"
    ANY = "any older row"
    SELF = "an earlier row of the table"
    CUT = "left NULL: it would close a cycle"
    NONE = "left NULL"
    SAME = "shares the columns of another foreign key"
    INSIDE = "one with the same values in the shared columns"
    NTH = "each one once"
    BEFORE = "the row before"
    KIN = "the row it extends"


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key and the way its parents are chosen.

    `nullable`: a column of its own takes NULL, which is enough to leave it open; `optional`:
    all of them do, so that some rows are left without a parent.
    """

    key: LiveConstraint
    way: Way
    nullable: bool
    optional: bool

    @property
    def parent(self) -> str:
        """The referenced table."""
        return self.key.target or ""


@dataclass(frozen=True, slots=True)
class Combined:
    """Foreign keys and columns of few values that make a row unique together.

    `of_parent`: among the rows of one parent. `open_ended`: past the last combination the
    foreign key stays NULL.
    """

    keys: tuple[str, ...]
    columns: tuple[str, ...]
    of_parent: bool
    open_ended: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """All foreign keys of a table, and how many rows go to each parent they are dealt to."""

    links: tuple[Link, ...]
    walk: Link | None
    counts: tuple[int, ...]
    ordinals: frozenset[str]
    unique: frozenset[str]
    combined: tuple[Combined, ...] = ()
    apart: frozenset[str] = frozenset()
    unproven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Traits:
    """Columns of few values and how many, and whether the rows extend those of another table.

    `telling` are columns that refer to one which alone tells the rows of its table apart,
    `unproven` foreign keys whose columns others fill with what need not be in their tables.
    """

    few: Mapping[str, int] = field(default_factory=dict)
    extends: bool = False
    slots: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()
    unproven: frozenset[str] = frozenset()
