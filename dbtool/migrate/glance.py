"""What the run's own sessions are doing at this moment, as the server sees it."""

import secrets
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.prepared_stmt import PreparedStatement

    from dbtool.database.connection import Connection

PERIOD = 0.05
"""Seconds between two glances: what a cancel may come late, at one cheap question each."""

# The locks are looked at only where a session waits, or is another role's and hides what it
# does; the age of a wait is the server's own, whatever the way there costs.
_OWN = """
    SELECT b.pid, coalesce(s.xact_start::text, l.virtualtransaction) AS begun,
           CASE WHEN l.pid IS NOT NULL THEN coalesce(extract(
               epoch FROM pg_catalog.clock_timestamp() - l.waitstart)::float8, 0) END AS waits,
           CASE WHEN s.state = 'active' THEN extract(
               epoch FROM pg_catalog.clock_timestamp() - s.query_start)::float8 END AS runs,
           coalesce(l.mode = 'AccessExclusiveLock', false) AS queues
      FROM pg_catalog.unnest($1::pg_catalog.text::pg_catalog.int4[]) b(pid)
           CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(b.pid) s
           LEFT JOIN LATERAL (
               SELECT pid, waitstart, virtualtransaction, mode FROM pg_catalog.pg_locks
                WHERE (s.wait_event_type = 'Lock' OR s.state IS NULL)
                  AND pid = b.pid AND NOT granted LIMIT 1) l ON true
"""
_CANCEL = "SELECT pg_catalog.pg_cancel_backend($1)"
_END = """
    SELECT CASE WHEN state LIKE 'idle in transaction%' AND xact_start::text = $2
           THEN pg_catalog.pg_terminate_backend($1) ELSE pg_catalog.pg_cancel_backend($1) END
      FROM pg_catalog.pg_stat_get_activity($1)
"""

Transaction = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Own:
    """One session of env.py.

    `begun` tells when its transaction began, or which one it is; `waits` for how many seconds it
    has been waiting for a lock, None where it does not; `runs` for how long its statement runs;
    `queues` that everybody who comes to the table has to wait behind it.
    """

    pid: int
    begun: str | None
    waits: float | None
    runs: float | None
    queues: bool = False

    @property
    def transaction(self) -> Transaction:
        """Tells one transaction of the run from the next."""
        return self.pid, self.begun


@dataclass(frozen=True, slots=True)
class Glance:
    """All of them at one time of the monotonic clock, and the seconds it took to ask."""

    at: float
    took: float
    sessions: tuple[Own, ...]

    @property
    def pids(self) -> str:
        """Their process numbers."""
        return as_array(each.pid for each in self.sessions)


def as_array(numbers: Iterable[int]) -> str:
    """An array as PostgreSQL writes it, for a parameter of type text that the SQL casts.

    For a parameter that is an array asyncpg asks the server what it is made of, in six round trips.
    """
    return "{" + ",".join(map(str, numbers)) + "}"


class Looks:
    """Looks again and again over one connection; costs the server a few microseconds a session.

    The question is prepared: else it is parsed twice and planned each time, in two round trips.
    Not where the session may be lent to others, who would find what we leave.
    """

    def __init__(self) -> None:
        self._prepared: PreparedStatement | None = None
        self._may_prepare = True

    async def glance(self, connection: "Connection", backends: Sequence[int]) -> Glance:
        """Look once."""
        begun = time.monotonic()
        rows = await self._ask(connection, as_array(backends)) if backends else ()
        now = time.monotonic()
        return Glance(now, now - begun, tuple(Own(*row) for row in rows))

    async def _ask(self, connection: "Connection", pids: str) -> "Sequence[Record]":
        from asyncpg.exceptions import InvalidSQLStatementNameError

        self._may_prepare &= not (connection.refused or connection.is_in_transaction())
        if not self._may_prepare:
            return await connection.fetch(_OWN, pids)
        try:
            if self._prepared is None:
                name = f"dbtool_{secrets.token_hex(8)}"
                self._prepared = await connection.prepare(_OWN, name=name)
            rows: list[Record] = await self._prepared.fetch(pids)
        except InvalidSQLStatementNameError:
            self._may_prepare = False
            return await connection.fetch(_OWN, pids)
        return rows


async def cancel(connection: "Connection", own: Own) -> bool:
    """End the statement a session runs; its transaction then rolls back.

    Whether the server let us: a session of another role may be out of reach.
    """
    return await _allowed(connection.execute(_CANCEL, own.pid))


async def end(connection: "Connection", own: Own) -> bool:
    """End a transaction: its statement, or the session where the team's code keeps it open.

    Between two statements there is nothing to cancel, and its locks stay.
    """
    return await _allowed(connection.execute(_END, own.pid, own.begun))


async def _allowed(asked: Awaitable[object]) -> bool:
    from asyncpg.exceptions import InsufficientPrivilegeError

    try:
        await asked
    except InsufficientPrivilegeError:
        return False
    return True
