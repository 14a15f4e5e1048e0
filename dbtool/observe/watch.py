"""Watch from outside a statement that refuses a transaction, as CONCURRENTLY and VACUUM do.

Its locks come and go within the statement, so other sessions stand in its way as an application
would: one holds its tables as a writer does and a snapshot from before. Wherever the statement
has to wait for that, it stands still, an observer reads its locks, another session takes over
the place and the first one lets go. So every lock that keeps readers or writers out is seen,
and every wait for older transactions. The first session holds the tables more firmly, so that a
lock which keeps out neither is seen where it is the first one. Not seen are such locks where
they are taken later and released before the next wait.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncpg.exceptions import InterfaceError, LockNotAvailableError, PostgresError

from dbtool.catalog.columns import Name
from dbtool.database.lockmodes import CONFLICTS
from dbtool.observe.observed import Failure
from dbtool.observe.state import FIRST_USER_OID, Known
from dbtool.sql.names import identifier

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

_POLL = 0.0005
_SLOWEST_POLL = 0.05
_MOST_WAITS = 200
_LOCKS = f"""
SELECT locktype, relation::pg_catalog.int8 AS relation, mode, granted
FROM pg_catalog.pg_locks
WHERE pid = $1
  AND (NOT granted AND locktype IN ('virtualxid', 'transactionid')
       OR locktype = 'relation' AND relation >= {FIRST_USER_OID})
"""
_HOLD = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"
_KEEPS_WRITERS_OUT = CONFLICTS["RowExclusiveLock"]
_READS_CLIENT = re.compile(r"(?:\A|;)\s*copy\s[^;]*\bfrom\s+stdin\b", re.I)
_LOCKABLE = ("r", "p")


@dataclass(slots=True)
class Watched:
    """What was seen of a statement while it ran."""

    locks: dict[int, frozenset[str]] = field(default_factory=dict)
    waited: bool = False
    seconds: float = 0.0
    failure: Failure | None = None

    def see(self, rows: "Iterable[Record]") -> bool:
        """Note the locks held and wanted; returns whether the statement stands still."""
        waiting = False
        for row in rows:
            waiting = waiting or not row["granted"]
            if row["locktype"] == "relation":
                seen = self.locks.get(row["relation"], frozenset())
                self.locks[row["relation"]] = seen | {row["mode"]}
            else:
                self.waited = True
        return waiting


async def attempt(connection: "Connection", sql: str) -> tuple[float, Failure | None]:
    """Run SQL; the seconds it took and its error."""
    if _READS_CLIENT.search(sql):
        return 0.0, Failure("", "COPY FROM STDIN reads data that only the client has")
    began, failure = time.perf_counter(), None
    try:
        await connection.execute(sql)
    except PostgresError as error:
        failure = Failure(
            getattr(error, "sqlstate", None) or "",
            getattr(error, "message", None) or str(error),
            getattr(error, "detail", None) or "",
        )
    except InterfaceError as error:
        failure = Failure("", str(error))
    return time.perf_counter() - began, failure


class Watch:
    """The three sessions that stand in the way and look on; opened with the first statement."""

    def __init__(self, connect: "Callable[[], Awaitable[Connection]]") -> None:
        self._connect = connect
        self._others: list[Connection] = []

    async def run(self, worker: "Connection", sql: str, known: Known) -> Watched:
        """Run one statement on `worker` and see its locks on the known relations."""
        while len(self._others) < 3:
            self._others.append(await self._connect())
        holders = self._others[1:]
        tables = {oid: _written(item.name) for oid, item in known.items() if item.kind in _LOCKABLE}
        seen = Watched()
        try:
            await _hold(holders[0], tables.values(), "SHARE UPDATE EXCLUSIVE")
            running = asyncio.create_task(attempt(worker, sql))
            try:
                await self._follow(running, worker.get_server_pid(), tables, seen)
                seen.seconds, seen.failure = await running
            finally:
                running.cancel()
        finally:
            for holder in holders:
                if not holder.is_closed():
                    await holder.execute("ROLLBACK")
        return seen

    async def _follow(
        self,
        running: "asyncio.Task[tuple[float, Failure | None]]",
        pid: int,
        tables: dict[int, str],
        seen: Watched,
    ) -> None:
        observer, holder, other = self._others
        question = await observer.prepare(_LOCKS)
        waits, pause = 0, _POLL
        while not running.done():
            if not seen.see(await question.fetch(pid)):
                await asyncio.wait({running}, timeout=pause)
                pause = min(pause * 1.2, _SLOWEST_POLL)
                continue
            waits, pause = waits + 1, _POLL
            free = (name for oid, name in tables.items() if not _shut(seen, oid))
            if waits < _MOST_WAITS:
                await _hold(other, free, "ROW EXCLUSIVE")
            await holder.execute("ROLLBACK")
            holder, other = other, holder

    async def close(self) -> None:
        """Log the three sessions out."""
        for connection in self._others:
            await connection.close(timeout=2.0)
        self._others.clear()


def _written(name: Name) -> str:
    return f"{identifier(name.schema)}.{identifier(name.name)}"


def _shut(seen: Watched, oid: int) -> bool:
    """Whether a writer could not get at a table now, or would have to queue for it."""
    return not _KEEPS_WRITERS_OUT.isdisjoint(seen.locks.get(oid, ()))


async def _hold(holder: "Connection", tables: Iterable[str], mode: str) -> None:
    """Begin a transaction with a snapshot and locks; without the locks where one is not free."""
    names = ", ".join(f"ONLY {name}" for name in tables)
    await holder.execute(_HOLD)
    if not names:
        return
    try:
        await holder.execute(f"LOCK TABLE {names} IN {mode} MODE NOWAIT")
    except LockNotAvailableError:
        await holder.execute(f"ROLLBACK; {_HOLD}")
