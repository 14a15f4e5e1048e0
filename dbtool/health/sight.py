"""Says what a check could not see, and what would let it see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dbtool.finding import Unknown
from dbtool.health.identity import Rights
from dbtool.report import counted


@dataclass(frozen=True, slots=True)
class Sight:
    """Of how many connections the state is not known: other roles' ones, and those that hide it."""

    connections: int
    hidden: int
    untracked: int

    @property
    def complete(self) -> bool:
        """Whether every state is known."""
        return not (self.hidden or self.untracked)


class Seen(Protocol):
    """What was read of a server, and how much of it."""

    @property
    def rights(self) -> Rights:
        """Who asked."""

    @property
    def sight(self) -> Sight:
        """How much was seen."""


def hidden_states(rule: str, subject: Seen) -> Iterator[Unknown]:
    """One Unknown for each reason why the state of some sessions is not known."""
    sight = subject.sight
    if sight.hidden:
        yield Unknown(
            rule=rule,
            reason=f"role {subject.rights.role} may not see the state of"
            f" {sight.hidden:,} of {counted(sight.connections, 'connection')}",
            decide=subject.rights.grant,
        )
    if sight.untracked:
        yield Unknown(
            rule=rule,
            reason=f"track_activities is off for {counted(sight.untracked, 'connection')}",
            decide="ALTER SYSTEM SET track_activities = on, and the same for roles that set it",
        )
