"""Look at the run's own sessions while they work: how long they wait for locks, and for whom."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dbtool.migrate.blockers import Waiting, find

if TYPE_CHECKING:
    from datetime import datetime

    from dbtool.database.connection import Connection

_PERIOD = 0.05
_MARGIN = 0.05
_TELL_AFTER = 0.5
_AT_LOCKS = """
    SELECT b.pid, s.xact_start
      FROM pg_catalog.unnest($1::pg_catalog.int4[]) b(pid),
           LATERAL pg_catalog.pg_stat_get_activity(b.pid) s
     WHERE s.wait_event_type = 'Lock'
"""
_CANCEL = "SELECT pg_catalog.pg_cancel_backend($1)"


class Watcher:
    """Adds up the lock waits of each transaction, and cancels one that waits too long in all.

    lock_timeout alone counts each lock anew: an ALTER of four partitions, or four revisions in
    one transaction, would hold up everybody behind them four times as long.
    """

    def __init__(
        self, limit: float, backends: Callable[[], Sequence[int]], tell: Callable[[str], None]
    ) -> None:
        self.cancelled = False
        self.last: Waiting | None = None
        self.exempt = False
        self.waited = 0.0
        self._limit = limit
        self._backends = backends
        self._tell = tell
        self._seen: dict[tuple[int, datetime | None], tuple[float, float]] = {}
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

    async def look(self, connection: "Connection") -> float:
        """Look once; returns the seconds until the next time."""
        backends = list(self._backends())
        if not backends:
            return _PERIOD
        now = time.monotonic()
        for pid, begun in await connection.fetch(_AT_LOCKS, backends):
            await self._waits(connection, (pid, begun), now)
        return _PERIOD

    async def _waits(
        self, connection: "Connection", key: "tuple[int, datetime | None]", now: float
    ) -> None:
        """One session waits; what it waited in its transaction before counts too."""
        total, seen = self._seen.get(key, (0.0, now))
        step = min(now - seen, 2 * _PERIOD)
        total += step
        self.waited += step
        self._seen[key] = total, now
        if self.last is None and total > 0:
            self.last = await find(connection, key[0])
        if total >= _TELL_AFTER and (untold := self.untold()):
            self._tell(f"the migration {untold.shown}")
        if total >= self._limit + _MARGIN and not self.exempt and not self.cancelled:
            self.cancelled = True
            await connection.execute(_CANCEL, key[0])
