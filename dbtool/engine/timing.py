"""Times what an application's engine does with connections, on connections that prove themselves.

The engine keeps its own driver, arguments and listeners; its pool is replaced for as long as it
takes by one of the same settings, so that nothing of the application is used up.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Pool, QueuePool, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.util import greenlet_spawn

from dbtool.database.proof import Proof
from dbtool.engine import LoadedEngine
from dbtool.engine.sandbox import ask, elsewhere
from dbtool.errors import OperationError

RUNS = 20
REFUSAL_SECONDS = 1.0
"""How long the pool may wait before it refuses, where the engine would wait for longer."""

LIMIT_SECONDS = 15.0
"""How long all of it may take: a server that freezes would hold a synchronous engine for ever."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """A pool filled to its end: `code` is SQLAlchemy's, None where one more was let in."""

    connections: int
    fill_seconds: float
    refused_seconds: float
    code: str | None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, as the application would wait; medians but for the first ones.

    `login` is the driver's whole connecting. `checkout` is of a connection that the pool has,
    with pre-ping and without. `begin_and_execute` is the first statement of a transaction,
    `repeat` the same once more.
    """

    connections: int
    login: float
    first_checkout: float
    first_query: float
    checkout: float
    checkout_pinged: float
    begin_and_execute: float
    repeat: float
    pool_timeout: float | None
    saturation: Saturation | None


def measure(loaded: LoadedEngine, proof: Proof, connections: int, saturate: int) -> Timings:
    """Open so many connections and time them; `saturate` are opened to fill the pool, 0 for none.

    It runs in a thread that is left alone where the engine does not come back.
    """
    outcome: list[Timings | BaseException] = []

    def run() -> None:
        try:
            if loaded.is_async:
                outcome.append(asyncio.run(_spawned(loaded, connections, proof, saturate)))
            else:
                outcome.append(_measured(loaded.sync_engine, connections, proof, saturate))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    if not outcome:
        raise OperationError(
            f'connections of the engine "{loaded.spec}" did not answer',
            detail=f"Within {LIMIT_SECONDS:g} s they were not done.",
            hint="The server, or the pooler's queue: dbtool now, dbtool pool --pgbouncer URL.",
        )
    if isinstance(outcome[0], Timings):
        return outcome[0]
    raise _told(outcome[0], loaded)


async def _spawned(loaded: LoadedEngine, connections: int, proof: Proof, saturate: int) -> Timings:
    return await greenlet_spawn(_measured, loaded.sync_engine, connections, proof, saturate)


def _told(error: BaseException, loaded: LoadedEngine) -> BaseException:
    if not isinstance(error, SQLAlchemyError | OSError | TimeoutError):
        return error
    first = str(error).partition("\n")[0]
    return OperationError(
        f'the engine "{loaded.spec}" cannot connect',
        detail=first or type(error).__name__,
        hint="The database itself answered dbtool: compare the engine's URL and connect_args.",
    )


def _measured(engine: Engine, connections: int, proof: Proof, saturate: int) -> Timings:
    with _own_pool(engine, proof) as logins:
        begun = time.perf_counter()
        with engine.connect() as connection:
            first_checkout = time.perf_counter() - begun
            first_query = _timed(lambda: connection.execute(text("SELECT 1")))
        _open(engine, connections)
        pinged, unpinged = _checkout(engine, ping=True), _checkout(engine, ping=False)
        executed = [_executed(engine) for _ in range(RUNS)]
        timeout = getattr(engine.pool, "_timeout", None)
        return Timings(
            connections=connections,
            login=statistics.median(logins),
            first_checkout=first_checkout,
            first_query=first_query,
            checkout=unpinged,
            checkout_pinged=pinged,
            begin_and_execute=statistics.median(first for first, _ in executed),
            repeat=statistics.median(again for _, again in executed),
            pool_timeout=timeout,
            saturation=_saturated(engine, saturate) if saturate else None,
        )


@contextmanager
def _own_pool(engine: Engine, proof: Proof) -> Iterator[list[float]]:
    """A pool like the engine's; gives the seconds of each login, and cuts all at the end."""
    logins: list[float] = []
    begun = [0.0]

    def connecting(*_: object) -> None:
        begun[0] = time.perf_counter()

    def connected(connection: Any, _record: object) -> None:
        logins.append(time.perf_counter() - begun[0])
        with proof:
            if not proof.accepts(ask(connection, proof.question)):
                raise elsewhere(proof.target)
        connection.rollback()

    theirs, own = engine.pool, engine.pool.recreate()
    engine.pool = own
    event.listen(engine, "do_connect", connecting)
    event.listen(own, "connect", connected, insert=True)
    try:
        yield logins
    finally:
        event.remove(own, "connect", connected)
        event.remove(engine, "do_connect", connecting)
        with suppress(Exception):
            own.dispose()
        engine.pool = theirs


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _open(engine: Engine, connections: int) -> None:
    """Let the pool have so many, in nobody's transaction."""
    opened = [engine.connect() for _ in range(connections)]
    for each in opened:
        each.close()


def _checkout(engine: Engine, *, ping: bool) -> float:
    pool: Pool = engine.pool
    before, pool._pre_ping = pool._pre_ping, ping
    try:
        taken = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            connection = engine.connect()
            taken.append(time.perf_counter() - begun)
            connection.close()
        return statistics.median(taken)
    finally:
        pool._pre_ping = before


def _executed(engine: Engine) -> tuple[float, float]:
    """The first statement of a transaction, and the same again."""
    statement = text("SELECT 1")
    with engine.connect() as connection:
        return _timed(lambda: connection.execute(statement)), _timed(
            lambda: connection.execute(statement)
        )


def _saturated(engine: Engine, connections: int) -> Saturation:
    """Take everything the pool may open, and one more."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = min(pool._timeout, REFUSAL_SECONDS)
    taken = []
    code = None
    begun = time.perf_counter()
    try:
        for _ in range(connections):
            taken.append(engine.connect())
        filled = time.perf_counter()
        try:
            taken.append(engine.connect())
        except NoneFree as error:
            code = error.code
        return Saturation(connections, filled - begun, time.perf_counter() - filled, code)
    finally:
        for each in taken:
            each.close()
