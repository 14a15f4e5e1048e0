"""What the run's own sessions are doing at this moment, as the server sees it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dbtool.database.connection import Connection

PERIOD = 0.05
"""Seconds between two glances: what a cancel may come late, at one cheap question each."""

_OWN = """
    SELECT b.pid, s.xact_start, coalesce(s.wait_event_type = 'Lock', false) AS waits,
           CASE WHEN s.state = 'active' THEN extract(
               epoch FROM pg_catalog.clock_timestamp() - s.query_start)::float8 END AS runs
      FROM pg_catalog.unnest($1::pg_catalog.int4[]) b(pid),
           LATERAL pg_catalog.pg_stat_get_activity(b.pid) s
"""
_CANCEL = "SELECT pg_catalog.pg_cancel_backend($1)"

Transaction = tuple[int, "datetime | None"]


@dataclass(frozen=True, slots=True)
class Own:
    """One session of env.py: since when its transaction is open, in seconds how long it runs."""

    pid: int
    begun: "datetime | None"
    waits: bool
    runs: float | None

    @property
    def transaction(self) -> Transaction:
        """Tells one transaction of the run from the next."""
        return self.pid, self.begun


@dataclass(frozen=True, slots=True)
class Glance:
    """All of them at one time of the monotonic clock."""

    at: float
    sessions: tuple[Own, ...]

    @property
    def pids(self) -> list[int]:
        """Their process numbers."""
        return [each.pid for each in self.sessions]


async def glance(connection: "Connection", backends: Sequence[int]) -> Glance:
    """Look once; costs the server a few microseconds for each session."""
    now = time.monotonic()
    rows = await connection.fetch(_OWN, list(backends)) if backends else ()
    return Glance(now, tuple(Own(*row) for row in rows))


async def cancel(connection: "Connection", pid: int) -> None:
    """End the statement a session runs; its transaction then rolls back."""
    await connection.execute(_CANCEL, pid)
