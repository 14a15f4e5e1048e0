"""Says what a check could not see, and what would let it see."""

from collections.abc import Iterator

from dbtool.finding import Unknown
from dbtool.health.pool import Pool
from dbtool.report import counted


def hidden_states(rule: str, pool: Pool) -> Iterator[Unknown]:
    """One Unknown for each reason why the state of some sessions is not known."""
    if pool.slots.hidden:
        yield Unknown(
            rule=rule,
            reason=f"role {pool.rights.role} may not see the state of"
            f" {pool.slots.hidden:,} of {counted(pool.slots.used, 'connection')}",
            decide=pool.rights.grant,
        )
    disabled = sum(group.count for group in pool.groups if group.state == "disabled")
    if disabled:
        yield Unknown(
            rule=rule,
            reason=f"track_activities is off for {counted(disabled, 'connection')}",
            decide="ALTER SYSTEM SET track_activities = on, and the same for roles that set it",
        )
