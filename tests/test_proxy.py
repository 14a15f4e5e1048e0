"""The counting proxy itself: what it counts, delays, cuts and swallows."""

import asyncio
import socket
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import asyncpg
import pytest

from dbtool.database.connect import connect
from dbtool.scratch.server import Server
from tests.proxy import Proxy, proxy


@pytest.fixture
def through(server: Server) -> Iterator[Proxy]:
    """A proxy before the test server."""
    with proxy(server.target()) as running:
        yield running


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run one asynchronous test body."""
    asyncio.run(work)


def test_counts_the_round_trips_of_login_and_statements(through: Proxy) -> None:
    """A simple statement is one round trip, a prepared one two, the farewell none."""

    async def work() -> None:
        connection = await connect(through.target)
        await connection.execute("SELECT 1")
        assert await connection.fetchval("SELECT 2") == 2
        await connection.close()

    run(work())
    (traffic,) = through.connections
    assert traffic.after_login == traffic.requests == 3
    assert traffic.turns == traffic.round_trips + 1
    assert b"SELECT 2" in traffic.sent
    assert b"SELECT 2" not in traffic.received


def test_whoever_says_nothing_is_no_client(through: Proxy) -> None:
    """A stranger who looks at open ports is not counted among those who log in."""
    with socket.create_connection((through.target.host, through.target.port)):
        run(login(through))
    assert len(through.connections) == 1


async def login(through: Proxy) -> None:
    """Log in and out."""
    await (await connect(through.target)).close()


def test_delay_is_paid_once_per_round_trip(through: Proxy) -> None:
    """Five statements of one round trip each take five delays, not ten and not one."""

    async def work() -> None:
        connection = await connect(through.target)
        through.delay = 0.1
        taken: list[float] = []
        while not taken or (min(taken) >= 0.95 and len(taken) < 40):  # others use the machine too
            begin = time.monotonic()
            for _ in range(5):
                await connection.execute("SELECT 1")
            taken.append(time.monotonic() - begin)
        assert 0.5 <= min(taken) < 0.95
        await connection.close()

    run(work())


def test_cut_breaks_open_connections(through: Proxy) -> None:
    """A cut ends the connection under a running statement and leaves the next one alone."""

    async def work() -> None:
        connection = await connect(through.target)
        sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
        await asyncio.sleep(0.05)
        through.cut()
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await sleeping
        again = await connect(through.target)
        assert await again.fetchval("SELECT 3") == 3
        await again.close()

    run(work())


def test_cut_at_a_turn(through: Proxy) -> None:
    """The connection lives until its client begins the turn that was named."""

    async def work() -> None:
        connection = await connect(through.target)
        through.cut_at_turn(through.connections[0].turns + 2)
        await connection.execute("SELECT 1")
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await connection.execute("SELECT 1")

    run(work())


def test_silence_swallows_both_directions(through: Proxy) -> None:
    """A silent proxy accepts and never answers, as a frozen host does."""

    async def work() -> None:
        through.go_silent()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connect(through.target)
        assert through.turns == 0

    run(work())
