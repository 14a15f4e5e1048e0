"""How long the run's own sessions wait for locks, and for whom."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dbtool.migrate.blockers import Waiting, find
from dbtool.migrate.glance import Glance, Own, Transaction, cancel

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_MARGIN = 0.05
_TELL_AFTER = 0.5


class Watcher:
    """Adds up the lock waits of each transaction, and cancels one that waits too long in all.

    lock_timeout alone counts each lock anew: an ALTER of four partitions, or four revisions in
    one transaction, would hold up everybody behind them four times as long.
    """

    def __init__(self, limit: float, tell: Callable[[str], None]) -> None:
        self.cancelled = False
        self.last: Waiting | None = None
        self.exempt = False
        self.waited = 0.0
        self._limit = limit
        self._tell = tell
        self._totals: dict[Transaction, float] = {}
        self._waiting: dict[Transaction, float] = {}
        self._told: Waiting | None = None

    def begin(self) -> None:
        """Another attempt begins."""
        self.cancelled = self.exempt = False
        self.last = None

    def untold(self) -> Waiting | None:
        """Who holds up this attempt, unless that has been told already."""
        before, self._told = self._told, self.last or self._told
        if self.last is None or (before is not None and before.same_as(self.last)):
            return None
        return self.last

    async def see(self, connection: "Connection", seen: Glance) -> None:
        """Count what the sessions have waited since the last glance."""
        waiting = [each for each in seen.sessions if each.waits]
        for own in waiting:
            await self._waits(connection, own, seen.at)
        self._waiting = {own.transaction: seen.at for own in waiting}

    async def _waits(self, connection: "Connection", own: Own, now: float) -> None:
        """One session waits; what it waited in its transaction before counts too.

        A session that waited at the last glance is taken to have waited ever since, also
        where that glance was long ago: readers may have queued behind it all the time.
        """
        step = now - self._waiting.get(own.transaction, now)
        total = self._totals.get(own.transaction, 0.0) + step
        self._totals[own.transaction] = total
        self.waited += step
        if self.last is None:
            self.last = await find(connection, own.pid)
        if total >= _TELL_AFTER and (untold := self.untold()):
            self._tell(f"the migration {untold.shown}")
        if total >= self._limit - _MARGIN and not self.exempt and not self.cancelled:
            self.cancelled = True
            await cancel(connection, own.pid)
