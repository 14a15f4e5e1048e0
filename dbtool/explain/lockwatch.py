"""See from outside whether a statement that takes its time waits for a lock, and for whose."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from asyncpg.exceptions import InterfaceError, PostgresError

from dbtool.database.connect import connect
from dbtool.database.lockmodes import CONFLICTS
from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.explain.waits import Blocker, Wait

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

T = TypeVar("T")

FIRST_LOOK = 0.25
"""Seconds a statement takes before somebody looks; most are done by then."""

INTERVAL = 0.25

_UNSEEN = "who held it was not seen in time"

_CONFLICTS = ",\n  ".join(f"('{asked}', ARRAY{sorted(held)})" for asked, held in CONFLICTS.items())

# Behind a pooler the number of our session may be that of another: it must run what was sent.
# A tuple is kept by the first who waits for whoever changed it: that one holds nothing of ours.
_BLOCKERS = f"""
WITH ours AS MATERIALIZED (
  SELECT pid FROM pg_stat_activity WHERE pid = $1 OR leader_pid = $1
), direct AS MATERIALIZED (
  SELECT DISTINCT unnest(pg_blocking_pids($1)) AS pid FROM pg_stat_activity
  WHERE pid = $1 AND query <> '' AND starts_with($2, query)
), lock AS MATERIALIZED (
  SELECT * FROM pg_locks WHERE NOT granted OR pid IN (SELECT pid FROM direct)
), conflict(asked, held) AS (VALUES
  {_CONFLICTS}
), known AS MATERIALIZED (
  SELECT d.pid, d.pid = 0 OR EXISTS (
      SELECT FROM lock own JOIN conflict c ON c.asked = own.mode JOIN lock its
      ON its.mode = ANY (c.held) AND
        (its.locktype, its.database, its.relation, its.page, its.tuple, its.virtualxid,
        its.transactionid, its.classid, its.objid, its.objsubid) IS NOT DISTINCT FROM
        (own.locktype, own.database, own.relation, own.page, own.tuple, own.virtualxid,
        own.transactionid, own.classid, own.objid, own.objsubid)
      WHERE own.pid IN (SELECT pid FROM ours) AND NOT own.granted AND own.locktype <> 'tuple'
        AND its.pid = d.pid AND its.granted) AS holds,
    (SELECT min(coalesce(l.waitstart, 'infinity')) FROM lock l
     WHERE l.pid = d.pid AND NOT l.granted) AS waits
  FROM direct d
), first AS MATERIALIZED (
  SELECT pid FROM known WHERE waits IS NOT NULL ORDER BY waits, pid LIMIT 1
), told AS (
  SELECT pid, NULL::int AS before, NOT holds AS ahead FROM known WHERE holds OR waits IS NOT NULL
  UNION ALL
  SELECT root.pid, first.pid, false FROM first,
    LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(first.pid)) AS pid) root
  WHERE NOT EXISTS (SELECT FROM lock l WHERE l.pid = root.pid AND NOT l.granted)
)
SELECT t.pid, t.before, t.ahead, CASE WHEN a.pid IS NULL THEN 'gone since'
    WHEN a.query = '<insufficient privilege>' THEN 'of another role'
    ELSE coalesce(a.state, '') END AS state,
  coalesce(a.application_name, '') AS application,
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open,
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0) * 1000
   FROM lock l WHERE l.pid IN (SELECT pid FROM ours) AND NOT l.granted)::float8 AS waited
FROM told t LEFT JOIN pg_stat_activity a ON a.pid = t.pid
ORDER BY t.pid
"""


class LockWatch:
    """Looks at one backend from a second connection, opened only when a statement takes long."""

    def __init__(self, target: Target, pid: int) -> None:
        self._target = target
        self._pid = pid
        self._waits: list[Wait] = []
        self._last: Wait | None = None

    def taken(self) -> Wait | None:
        """The longest wait seen since this was last asked."""
        waits, self._waits, self._last = self._waits, [], None
        return max(waits, key=lambda wait: wait.milliseconds, default=None)

    def holder(self, limit: float) -> str:
        """Who held the lock that a statement has just given up after so many seconds.

        Only the last look counts, and one that was not too long ago: what was seen before may
        have been about another lock, which it got. What began later has not lasted so long, as
        where a function sets a shorter limit for itself.
        """
        last, now = self._last, monotonic()
        if last is None or last.asked < now - limit:
            return _UNSEEN
        return last.told if now - last.asked + last.milliseconds / 1000 >= limit else _UNSEEN

    async def over(self, sent: str, answer: Awaitable[T]) -> T:
        """What the server answers to what was sent, with somebody looking meanwhile."""
        looking = asyncio.create_task(self._look(sent))
        try:
            return await answer
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self, sent: str) -> None:
        await asyncio.sleep(FIRST_LOOK)
        with suppress(DbtoolError, OSError, PostgresError, InterfaceError):
            connection = await connect(self._target)
            try:
                while True:
                    await self._note(connection, sent)
                    await asyncio.sleep(INTERVAL)
            finally:
                connection.terminate()

    async def _note(self, connection: "Connection", sent: str) -> None:
        asked = monotonic()
        rows = await connection.fetch(_BLOCKERS, self._pid, sent)
        blockers = tuple(_blocker(row, rows) for row in rows if row["before"] is None)
        self._last = Wait(float(rows[0]["waited"]), blockers, asked) if blockers else None
        if self._last:
            self._waits.append(self._last)


def _blocker(row: "Record", rows: "list[Record]") -> Blocker:
    roots = tuple(_blocker(each, []) for each in rows if each["before"] == row["pid"])
    return Blocker(row["pid"], row["state"], row["application"], row["open"], row["ahead"], roots)
