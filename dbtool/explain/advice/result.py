"""What index advice comes to: the indexes to create, those to leave, and what vouches for it."""

from dataclasses import dataclass
from enum import StrEnum

from dbtool.explain.advice.cost import Size, Writes
from dbtool.explain.advice.existing import Unused


class Proof(StrEnum):
    """What stands behind a proposal."""

    MEASURED = "measured"
    PLANNED = "planned"
    NONE = "not validated"


@dataclass(frozen=True, slots=True)
class Gain:
    """One statement without and with the index: the planner's cost and, if run, milliseconds.

    `weight` is how often it runs; `caused` tells that another statement sets it off.
    """

    statement: str
    before: float
    after: float
    weight: float = 1.0
    before_ms: float | None = None
    after_ms: float | None = None
    caused: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """An index to create: `sql` are the statements, `upgrade` and `downgrade` those of Alembic.

    `replaces` are indexes that would no longer be needed.
    """

    name: str
    table: str
    shown: str
    sql: tuple[str, ...]
    model: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]
    proof: Proof
    gains: tuple[Gain, ...]
    size: Size
    writes: Writes
    replaces: tuple[str, ...] = ()

    @property
    def before(self) -> float:
        """The cost of all statements it serves."""
        return sum(each.before * each.weight for each in self.gains)

    @property
    def after(self) -> float:
        """Their cost with the index."""
        return sum(each.after * each.weight for each in self.gains)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An index that was tried and is not proposed."""

    shown: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The indexes worth creating, the one that saves most first.

    `planner` says who vouches for them; empty where nobody does, and `validate` what could.
    `nothing` is why no index was tried.
    """

    proposals: tuple[Proposal, ...] = ()
    unused: tuple[Unused, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    planner: str = ""
    validate: str = ""
    notes: tuple[str, ...] = ()
    nothing: str = ""
