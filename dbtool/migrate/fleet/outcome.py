"""What became of one target, and of the fleet."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dbtool.errors import DbtoolError

if TYPE_CHECKING:
    from dbtool.migrate.record import Asked
    from dbtool.migrate.status import Status

Verb = Literal["upgrade", "downgrade", "status"]
_UNTOLD = {"json": False}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target failed, with the exit code its own run would have had."""

    message: str
    detail: str
    hint: str
    exit: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One target: where it stood, where it stands, and what went wrong.

    `losses` is what a downgrade takes away, revision by revision; `asked` and `losing` are what
    somebody agrees to who agrees to it. Of one that failed only what is committed is told, and
    where it stands is None where nobody could ask.
    """

    target: str
    schema: str | None
    before: tuple[str, ...] | None = ()
    after: tuple[str, ...] | None = ()
    revisions: tuple[str, ...] = ()
    seconds: float = 0.0
    losses: tuple[str, ...] = ()
    error: Failure | None = None
    asked: "Asked" = field(default=frozenset(), repr=False, metadata=_UNTOLD)
    losing: frozenset[str] = field(default=frozenset(), repr=False, metadata=_UNTOLD)


@dataclass(frozen=True, slots=True)
class Seen(Outcome):
    """A target that was only looked at, and all that was seen."""

    status: "Status | None" = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """What it records and no file has; then nobody knows what is pending."""
        standings = self.status.standings if self.status is not None else ()
        return tuple(revision for each in standings for revision in each.unknown)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All targets in the order in which they ended; `not_started` is what a stop left out."""

    outcomes: tuple[Outcome, ...]
    not_started: tuple[str, ...]
    planned: bool
    verb: Verb = "upgrade"

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The targets that failed."""
        return tuple(each for each in self.outcomes if each.error is not None)

    @property
    def changed(self) -> tuple[Outcome, ...]:
        """The targets that were upgraded or downgraded, or would be."""
        return tuple(each for each in self.outcomes if each.error is None and each.revisions)


def failure(error: DbtoolError) -> Failure:
    """An error as it is kept."""
    return Failure(error.message, error.detail, error.hint, error.exit)
