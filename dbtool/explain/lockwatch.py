"""See from outside whether a statement that takes its time waits for a lock, and for whose."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from asyncpg.exceptions import InterfaceError, PostgresError

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.explain.waits import Blocker, Wait

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

T = TypeVar("T")

FIRST_LOOK = 0.25
"""Seconds a statement takes before somebody looks; most are done by then."""

INTERVAL = 0.25

# Behind a pooler the number of our session may be that of another: it must explain something.
_BLOCKERS = """
SELECT b.pid, CASE WHEN a.pid IS NULL THEN 'gone since'
    WHEN a.query = '<insufficient privilege>' THEN 'of another role'
    ELSE coalesce(a.state, '') END AS state,
  coalesce(a.application_name, '') AS application,
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open,
  EXISTS (SELECT FROM pg_locks own JOIN pg_locks its
    ON (its.locktype, its.database, its.relation, its.page, its.tuple, its.virtualxid,
      its.transactionid, its.classid, its.objid, its.objsubid) IS NOT DISTINCT FROM
      (own.locktype, own.database, own.relation, own.page, own.tuple, own.virtualxid,
      own.transactionid, own.classid, own.objid, own.objsubid)
    WHERE own.pid = $1 AND NOT own.granted AND its.pid = b.pid AND NOT its.granted) AS ahead,
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0) * 1000
   FROM pg_locks l WHERE l.pid = $1 AND NOT l.granted)::float8 AS waited
FROM (SELECT DISTINCT unnest(pg_blocking_pids($1)) AS pid) b
LEFT JOIN pg_stat_activity a ON a.pid = b.pid
WHERE EXISTS (SELECT FROM pg_stat_activity own WHERE own.pid = $1 AND own.query LIKE 'EXPLAIN (%')
ORDER BY b.pid
"""


class LockWatch:
    """Looks at one backend from a second connection, opened only when a statement takes long."""

    def __init__(self, target: Target, pid: int) -> None:
        self._target = target
        self._pid = pid
        self._waits: list[Wait] = []

    def taken(self) -> Wait | None:
        """The longest wait seen since this was last asked."""
        waits, self._waits = self._waits, []
        return max(waits, key=lambda wait: wait.milliseconds, default=None)

    def holder(self, limit: float) -> str:
        """Who held the lock that a statement has just given up after so many seconds.

        What was asked longer ago may have been about another lock, which it got.
        """
        since = monotonic() - limit
        seen = [wait for wait in self._waits if wait.asked >= since]
        return seen[-1].told if seen else "who held it was not seen in time"

    async def over(self, statement: Awaitable[T]) -> T:
        """The statement's result, with somebody looking while it is on its way."""
        looking = asyncio.create_task(self._look())
        try:
            return await statement
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        await asyncio.sleep(FIRST_LOOK)
        with suppress(DbtoolError, OSError, PostgresError, InterfaceError):
            connection = await connect(self._target)
            try:
                while True:
                    await self._note(connection)
                    await asyncio.sleep(INTERVAL)
            finally:
                connection.terminate()

    async def _note(self, connection: "Connection") -> None:
        asked = monotonic()
        rows = await connection.fetch(_BLOCKERS, self._pid)
        if rows:
            blockers = tuple(
                Blocker(row["pid"], row["state"], row["application"], row["open"], row["ahead"])
                for row in rows
            )
            self._waits.append(Wait(float(rows[0]["waited"]), blockers, asked))
