"""Joins what a pooler shows with what the server behind it says of the same connections."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from dbtool.database.target import Target
from dbtool.errors import DbtoolError, UsageError
from dbtool.health import console
from dbtool.health.participant import SESSION_COLUMNS, Session
from dbtool.health.participant import session as participant
from dbtool.health.parts import Part, together
from dbtool.health.pgbouncer import Pooler, PoolerPool, ServerConnection
from dbtool.health.pool import PARTS, Pool, pool_of
from dbtool.health.session import Session as Asking
from dbtool.health.session import session

IDLE_SECONDS = 1.0
"""Idle for less, a connection is between two statements, or has just changed hands."""

_CLOCKS_APART = 5.0
_TIME_ZONES = 900.0
"""All offsets from UTC are multiples of this: PgBouncer writes times in its own time zone."""

Cause = Literal["paused", "unopened", "idle", "work", "unknown"]


@dataclass(frozen=True, slots=True)
class Backend:
    """A process of the server; `port` is the client's end, `waits` the class of what it awaits."""

    port: int | None
    waits: str | None
    session: Session


@dataclass(frozen=True, slots=True)
class Held:
    """A server connection that a client has, and its process on the server where that is found."""

    connection: ServerConnection
    backend: Backend | None

    @property
    def application(self) -> str:
        """The name of whoever holds it."""
        return self.connection.application or (
            self.backend.session.application if self.backend else ""
        )

    def idle(self, mode: str) -> bool:
        """Whether it is kept from the others without running anything."""
        if self.backend is None or (self.backend.session.state_seconds or 0.0) < IDLE_SECONDS:
            return False
        resting = mode == "session" and self.backend.session.state == "idle"
        return resting or self.backend.session.idle_in_transaction


@dataclass(frozen=True, slots=True)
class Queue:
    """One pool of the pooler, and who has its server connections."""

    pool: PoolerPool
    held: tuple[Held, ...]

    @property
    def idle(self) -> tuple[Held, ...]:
        """The connections that run nothing and cannot be handed on, the longest idle first."""
        idle = [each for each in self.held if each.idle(self.pool.mode)]
        return tuple(sorted(idle, key=_state_seconds, reverse=True))

    @property
    def found(self) -> tuple[Held, ...]:
        """Those whose process was found on the server, the longest in its state first."""
        found = [each for each in self.held if each.backend]
        return tuple(sorted(found, key=_state_seconds, reverse=True))

    @property
    def cause(self) -> Cause:
        """Why clients wait; what holds at least half of the connections in use is the cause."""
        pool = self.pool
        if pool.paused:
            return "paused"
        if self.idle and 2 * len(self.idle) >= pool.servers_active:
            return "idle"
        if not pool.size or pool.servers_open < pool.size:
            return "unopened"
        return "work" if self.found and 2 * len(self.found) >= len(self.held) else "unknown"


def _state_seconds(held: Held) -> float:
    return (held.backend.session.state_seconds or 0.0) if held.backend else 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server could not be asked."""

    message: str
    detail: str


@dataclass(frozen=True, slots=True)
class Layers:
    """The pooler and the server behind it, which is None where none was named or it refused.

    `statements_kept` is whether prepared statements survive, where the server was asked through
    this very pooler; else None.
    """

    pooler: Pooler
    server: Pool | None
    refusal: Refusal | None
    queues: tuple[Queue, ...]
    statements_kept: bool | None = None


Ask = Callable[[Target], Layers]
"""Asks the server behind a pooler."""


def read(
    console_of: Target,
    target: Target | None,
    *,
    literals: bool = False,
    through: Callable[[Ask], Layers] | None = None,
) -> Layers:
    """Ask the pooler, then the server about the processes the pooler named.

    A server that fails leaves the pooler's part. `through` asks with another login of the server
    where that one is kept for a full one.
    """
    console.require()
    pooler = asyncio.run(console.ask(console_of))
    if target is None:
        return _joined(pooler, None, ())

    def ask(at: Target) -> Layers:
        return asyncio.run(_server(pooler, at, literals=literals))

    try:
        return through(ask) if through else ask(target)
    except UsageError:
        raise
    except DbtoolError as error:
        return _joined(pooler, None, (), Refusal(error.message, error.detail))


async def _server(pooler: Pooler, target: Target, *, literals: bool) -> Layers:
    async with session(target, literals=literals) as asking:
        pids = sorted({each.remote_pid for each in pooler.connections})
        found = await asking.read(together((*PARTS, _behind(pids))))
        joined = _joined(pooler, pool_of(asking, found), _backends(found["behind"], asking))
        through = target.address == pooler.address
        kept = pooler.keeps_statements(target.database) if through else None
        return replace(joined, statements_kept=kept)


def _behind(pids: list[int]) -> Part:
    wanted = ", ".join(map(str, pids)) or "0"
    return Part(
        "behind",
        f"""
(SELECT coalesce(json_agg(json_build_object(
     'port', a.client_port,
     'waits', a.wait_event_type,
     'session', (SELECT row_to_json(s) FROM (SELECT {SESSION_COLUMNS}) AS s))), '[]')
 FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid IN ({wanted}))
""",
    )


def _backends(rows: list[dict[str, Any]], asking: Asking) -> tuple[Backend, ...]:
    return tuple(
        Backend(row["port"], row["waits"], participant(row["session"], asking.shown))
        for row in rows
    )


def _joined(
    pooler: Pooler,
    server: Pool | None,
    backends: tuple[Backend, ...],
    refusal: Refusal | None = None,
) -> Layers:
    by_pid = {each.session.pid: each for each in backends}
    queues = tuple(Queue(pool, tuple(_held(pooler, pool, by_pid))) for pool in pooler.pools)
    return Layers(pooler, server, refusal, queues)


def _held(pooler: Pooler, pool: PoolerPool, by_pid: dict[int, Backend]) -> list[Held]:
    mine = [
        each
        for each in pooler.connections
        if (each.database, each.user, each.state) == (pool.database, pool.user, "active")
    ]
    return [Held(each, _proven(each, pool, by_pid.get(each.remote_pid))) for each in mine]


def _proven(
    connection: ServerConnection, pool: PoolerPool, backend: Backend | None
) -> Backend | None:
    """The process, if it is the pooler's: another server has processes of the same number."""
    if backend is None or backend.session.database != pool.server_database:
        return None
    same_port = connection.local_port is not None and connection.local_port == backend.port
    return backend if same_port or _began_with(connection, backend) else None


def _began_with(connection: ServerConnection, backend: Backend) -> bool:
    """Whether both began at one moment, whatever time zone PgBouncer writes."""
    stamp = re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", connection.connected)
    if stamp is None or backend.session.backend_start is None:
        return False
    began = datetime.fromisoformat(backend.session.backend_start)
    apart = (began - datetime.fromisoformat(stamp[0]).replace(tzinfo=UTC)).total_seconds()
    return abs((apart + _TIME_ZONES / 2) % _TIME_ZONES - _TIME_ZONES / 2) <= _CLOCKS_APART
