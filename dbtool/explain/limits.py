"""How long a statement may run and what it may cost, by what its database is."""

from dataclasses import dataclass

from dbtool.errors import UsageError
from dbtool.guard import Classified, Standing


@dataclass(frozen=True, slots=True)
class Limits:
    """When a statement is stopped, and from which estimated cost on it is not begun."""

    seconds: float
    cost: float


LONGEST = 86_400.0
"""Seconds a user may let a statement run."""

WRITE_SECONDS = 5.0
"""Seconds a statement may keep rows locked where others may need them."""

LIMITS = {
    Standing.DEVELOPMENT: Limits(30.0, 10_000_000),
    Standing.UNKNOWN: Limits(10.0, 1_000_000),
    Standing.PRODUCTION: Limits(10.0, 1_000_000),
}


def check_timeout(seconds: float | None) -> None:
    """Refuse a time limit that is none."""
    if seconds is not None and not 0 < seconds <= LONGEST:
        raise UsageError(
            f"a statement cannot be given {seconds:g} s",
            hint=f"--timeout takes up to {LONGEST:g} seconds.",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """The database the statements run on."""

    classified: Classified
    database: str

    def seconds(self, *, writes: bool) -> float:
        """How long a statement may take; the rows one writes are locked for others meanwhile."""
        limit = LIMITS[self.classified.standing].seconds
        elsewhere = self.classified.standing is not Standing.DEVELOPMENT
        return min(limit, WRITE_SECONDS) if writes and elsewhere else limit
