"""A crowded server with a long queue: answered at once, on one screen."""

import asyncio
from time import monotonic

import pytest

from dbtool.database.connect import connect
from dbtool.database.connection import Connection
from dbtool.health.locks import ask
from dbtool.health.now import ask as ask_now
from dbtool.health.view_locks import locks_report
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR

LIMIT = 60.0


@pytest.mark.parametrize(
    ("backends", "waiters"),
    [(60, 40), pytest.param(1000, 200, marks=pytest.mark.slow)],
)
def test_backends_and_waiters(backends: int, waiters: int) -> None:
    """Idle connections around a queue for one row and one behind an ALTER TABLE."""
    settings = {"max_connections": str(backends + 20)}
    with throwaway(MAJOR, settings=settings) as server:
        asyncio.run(_crowded(server, backends, waiters))


async def _crowded(server: Server, backends: int, waiters: int) -> None:
    opened = [await connect(server.target(), timeout=30) for _ in range(backends)]
    holder, reader, alter = opened[:3]
    await holder.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE TABLE u ()")
    await holder.execute("BEGIN; UPDATE t SET a = 2")
    await reader.execute("BEGIN; SELECT * FROM u")
    queue = [asyncio.create_task(alter.execute("ALTER TABLE u ADD b int"))]
    await _waiting(holder, 1)
    for number, each in enumerate(opened[3 : waiters + 2]):
        wants = "UPDATE t SET a = 3" if number % 2 else "SELECT * FROM u"
        queue.append(asyncio.create_task(each.execute(wants)))
    await _waiting(holder, waiters)
    begin = monotonic()
    locks = await ask(server.target())
    taken = monotonic() - begin
    now = await ask_now(server.target())
    for each in opened:
        each.terminate()
    await asyncio.gather(*queue, return_exceptions=True)
    text = render(locks_report(locks), Screen(80, color=False, drawing=False))
    assert locks.forest.waiters == waiters
    assert len(locks.forest.roots) == 2
    assert len(text.splitlines()) < 40
    assert taken < 10
    assert now.gaps == ()
    assert now.pool is not None
    assert now.pool.slots.used >= backends


async def _waiting(connection: Connection, count: int) -> None:
    until = monotonic() + LIMIT
    asks = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while await connection.fetchval(asks) < count:
        assert monotonic() < until
        await asyncio.sleep(0.05)
