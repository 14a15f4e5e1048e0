"""Who waits behind the locks that a migration holds, and for how long."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.migrate.glance import Glance, Transaction
from dbtool.migrate.runlog import Tell
from dbtool.migrate.watcher import End
from dbtool.report import counted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_PERIOD = 0.5
_TELL_AFTER = 2.0

# Only what this run was granted counts: where it waits itself, its lock_timeout is the limit.
# pg_blocking_pids is dear where many wait, so it is asked for the three who wait the longest.
_BEHIND = """
    WITH locks AS MATERIALIZED (
        SELECT * FROM pg_catalog.pg_locks
         WHERE locktype IN ('relation', 'transactionid')
           AND (granted OR pid <> ALL ($1::pg_catalog.text::pg_catalog.int4[]))
           AND (NOT granted OR pid = ANY ($1::pg_catalog.text::pg_catalog.int4[]))
    ), behind AS (
        SELECT DISTINCT w.pid, w.waitstart, o.relation, o.mode
          FROM locks w JOIN locks o ON o.granted AND NOT w.granted AND o.locktype = w.locktype
           AND (o.transactionid = w.transactionid
                OR o.relation = w.relation AND o.database = w.database)
         WHERE w.waitstart IS NOT NULL
    ), longest AS (
        SELECT *, (SELECT count(DISTINCT pid) FROM behind) AS waiters FROM behind
         ORDER BY waitstart LIMIT 3
    )
    SELECT l.pid, a.application_name, pg_catalog.left(a.query, 120) AS query, l.waiters,
           l.relation::pg_catalog.regclass::text AS relation, l.mode
      FROM longest l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE pg_catalog.pg_blocking_pids(l.pid) && $1::pg_catalog.text::pg_catalog.int4[]
     ORDER BY l.waitstart LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """Sessions behind a lock of ours; the one that waits the longest is named."""

    pid: int
    application: str
    query: str
    waiters: int
    relation: str
    mode: str

    @property
    def shown(self) -> str:
        """The queue as it is printed."""
        mode = self.mode.removesuffix("Lock")
        lock = f"{mode} on {self.relation}" if self.relation else "rows it has changed"
        query = f": {' '.join(self.query.split())}" if self.query else ""
        first = f"pid {self.pid} ({self.application or 'no name'}{query})"
        return f"{counted(self.waiters, 'session')} behind its lock ({lock}), first {first}"


class Followers:
    """Adds up for how long anybody waits behind a transaction, and ends one that goes too far.

    `limit` is in seconds; 0 sets none.
    """

    def __init__(self, limit: float, tell: Tell, end: End) -> None:
        self.cancelled = False
        self.last: Queue | None = None
        self.longest = 0.0
        self._limit = limit
        self._tell = tell
        self._end = end
        self._next = 0.0
        self._since: float | None = None
        self._total = 0.0
        self._transactions: frozenset[Transaction] = frozenset()
        self._told = False

    def begin(self) -> None:
        """Another attempt, or another statement that commits alone, begins."""
        self.cancelled = self._told = False
        self._since, self._total = None, 0.0

    async def see(self, connection: "Connection", seen: Glance) -> None:
        """Look for waiters, now and then."""
        if seen.at < self._next or not any(each.begun for each in seen.sessions):
            return
        self._next = seen.at + _PERIOD
        transactions = frozenset(each.transaction for each in seen.sessions if each.begun)
        if not transactions & self._transactions:
            self._since, self._total, self._told = None, 0.0, False
        self._transactions = transactions
        row = await connection.fetchrow(_BEHIND, seen.pids)
        if row is None:
            self._since = None
            return
        pid, application, query, waiters, relation, mode = row
        self.last = Queue(pid, application or "", query or "", waiters, relation or "", mode)
        await self._count(connection, seen)

    async def _count(self, connection: "Connection", seen: Glance) -> None:
        """Somebody waits now; who waited at the last look is taken to have waited since.

        Who was not there at the last look may have come only while we asked.
        """
        if self._since is None:
            self._since = time.monotonic()
        else:
            self._total += max(seen.at - self._since, 0.0)
            self._since = seen.at
        self.longest = max(self.longest, self._total)
        assert self.last is not None
        if self._total >= _TELL_AFTER and not self._told:
            self._told = True
            words = f"the migration holds up {self.last.shown}"
            self._tell(words, "blocking", sessions=self.last.waiters, pid=self.last.pid)
        if self._limit and self._total >= self._limit:
            self.cancelled = True
            for each in seen.sessions:
                await self._end(connection, each)
