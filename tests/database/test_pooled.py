"""Connecting through a pooler: real PgBouncer, and addresses that give one away."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import psycopg
import pytest

from dbtool.database.connect import connect
from dbtool.database.pooler import Patience
from dbtool.database.sync import SyncConnection
from dbtool.database.target import pooled
from dbtool.database.url import parse
from dbtool.errors import ConnectError
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.logins import IN_FORCE, LIMITS, login, refusal, said
from tests.pgbouncer import Pooler, pgbouncer
from tests.proxy import proxy


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    """A PgBouncer in transaction mode before the test server."""
    with pgbouncer(server.target()) as running:
        yield running


def test_a_pooler_that_refuses_options(pooler: Pooler) -> None:
    """The settings hold inside `limits()` and nowhere else."""

    async def run() -> tuple[str, tuple[str, ...]]:
        connection = await connect(pooler.target, read_only=True, settings=LIMITS)
        async with connection.limits():
            inside = await connection.fetchval(IN_FORCE)
        outside = await connection.fetchval(IN_FORCE)
        await connection.close()
        return connection.refused, (inside, outside)

    assert asyncio.run(run()) == (
        "the endpoint refused a start-up option:"
        " unsupported startup parameter: default_transaction_read_only",
        ("on 100ms 30s", "off 0 0"),
    )


@pytest.mark.parametrize("read_only", [True, False])
def test_a_pooler_that_ignores_options(server: Server, *, read_only: bool) -> None:
    """PgBouncer can be told to drop options silently; what did not arrive is seen."""
    ignore = {"ignore_startup_parameters": ", ".join(("default_transaction_read_only", *LIMITS))}
    with pgbouncer(server.target(), ignore) as running:

        async def run() -> tuple[str, str]:
            connection = await connect(running.target, read_only=read_only, settings=LIMITS)
            async with connection.limits():
                found: str = await connection.fetchval(IN_FORCE)
            await connection.close()
            return connection.refused, found

        begun = "on" if read_only else "off"
        assert asyncio.run(run()) == (
            "the endpoint ignored a start-up option",
            f"{begun} 100ms 30s",
        )


def test_a_pooler_known_by_name_is_not_asked_twice(pooler: Pooler) -> None:
    """Where the address says pooler the options are not tried at start-up at all."""
    target = replace(pooler.target, parameters=(("pgbouncer", "true"),))
    with proxy(target) as between:
        assert login(between.target, read_only=True, settings=LIMITS) == "on 100ms 30s"
        assert len(between.connections) == 1


def test_an_error_inside_the_limits_ends_the_transaction(pooler: Pooler) -> None:
    """A failed statement leaves no open transaction on the pooled server."""

    async def run() -> int:
        connection = await connect(pooler.target, read_only=True, settings=LIMITS)
        with pytest.raises(Exception, match="division by zero"):
            async with connection.limits():
                await connection.fetchval("SELECT 1 / 0")
        found = 1
        for _ in range(600):  # a session of somebody who has just left may still be counted
            found = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
            )
            if not found:
                break
            await asyncio.sleep(0.1)
        await connection.close()
        return found

    assert asyncio.run(run()) == 0


def test_statements_of_many_clients_do_not_mix(pooler: Pooler) -> None:
    """Over two pooled servers twenty clients get their own answers."""

    async def client(number: int) -> list[int]:
        connection = await connect(pooler.target)
        found = [await connection.fetchval(f"SELECT {number} + $1", turn) for turn in range(20)]
        await connection.close()
        return found

    async def run() -> list[list[int]]:
        return await asyncio.gather(*(client(number * 100) for number in range(20)))

    assert asyncio.run(run()) == [
        [number * 100 + turn for turn in range(20)] for number in range(20)
    ]


def test_options_of_the_connection_string_are_never_dropped(pooler: Pooler) -> None:
    """A pooler that refuses them is an error: without search_path it would be another schema."""
    target = replace(pooler.target, parameters=(("options", "-csearch_path=x"),))
    assert refusal(target, read_only=True) == said(
        'SERVER is a pooler that refuses "options"',
        "unsupported startup parameter: options",
        "Remove options from the connection string, or name the server itself.",
    )


def test_what_a_pooler_says_about_its_server(pooler: Pooler) -> None:
    """PgBouncer passes a server's complaint on under a code of its own."""
    assert refusal(replace(pooler.target, database="nope")) == said(
        f"{pooler.target.user}@SERVER/nope (test) refused the login",
        'Most likely a pooler answers there. It says: database "nope" does not exist',
        "Check database and user in the pooler's configuration, and the server behind it.",
    )


@pytest.mark.parametrize(
    ("url", "evidence"),
    [
        ("postgresql://ep-a-pooler.neon.tech/d", '"ep-a-pooler.neon.tech" has "-pooler" in it'),
        ("postgresql://x.pooler.supabase.com/d", '"x.pooler.supabase.com" has "pooler" in it'),
        ("postgresql://h:6432/d", "port 6432 is a pooler's"),
        ("postgresql://h:6543/d", "port 6543 is a pooler's"),
        ("postgresql://h/d?pgbouncer=true", "the connection string says pgbouncer=true"),
        ("postgresql://h/d", None),
    ],
)
def test_a_pooler_known_by_its_address(url: str, evidence: str | None) -> None:
    """Host, port or the URL itself may give a pooler away."""
    found = pooled(parse(url, "--url", {}))
    assert found == evidence or (found or "").endswith(evidence or "nothing")


@contextmanager
def taken(pooler: Pooler, count: int) -> Iterator[None]:
    """Clients that sit in a transaction and so keep that many server connections."""
    with ExitStack() as opened:
        for _ in range(count):
            opened.enter_context(SyncConnection(pooler.target)).execute("BEGIN; SELECT 1")
        yield


NOT_FREE = "PgBouncer at SERVER accepted the login, no server connection is free"
TAKEN = "All connections of its pool are taken, or the server behind is down."


def test_a_pooler_without_a_free_server_connection(
    pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for as long as the pooler would, and the pooler is not called stalled."""
    monkeypatch.setattr("dbtool.database.pooler._PROBE_LIMIT", 30.0)

    async def run() -> ConnectError:
        connection = await connect(pooler.target, read_only=True, settings=LIMITS)
        with pytest.raises(ConnectError) as caught:
            async with connection.limits(0.5):
                pytest.fail("no server connection was free")
        assert connection.is_closed()
        return caught.value

    with taken(pooler, 2):
        error = asyncio.run(run())
    assert error.message == NOT_FREE.replace("SERVER", pooler.target.address)
    assert error.detail == (
        f"Nothing answered within 0.5 s, although PgBouncer itself does. {TAKEN}"
    )


def test_a_pooler_that_gives_up_first(server: Server) -> None:
    """Its own query_wait_timeout is told as the same thing."""
    with pgbouncer(server.target()) as running, taken(running, 2):
        # Only now: whoever takes the connections may wait for them as long as it takes.
        console = running.console.sqlalchemy_url("psycopg").replace("+psycopg", "", 1)
        with closing(psycopg.connect(console, autocommit=True)) as admin:
            admin.execute("SET query_wait_timeout = 1")

        async def run() -> ConnectError:
            connection = await connect(running.target, read_only=True, settings=LIMITS)
            with pytest.raises(ConnectError) as caught:
                async with connection.limits():
                    pytest.fail("no server connection was free")
            return caught.value

        error = asyncio.run(run())
    assert error.message == NOT_FREE.replace("SERVER", running.target.address)
    assert error.detail == f"It gave up after its query_wait_timeout. {TAKEN}"


def test_a_pooler_whose_host_stalls(pooler: Pooler) -> None:
    """Where the pooler itself answers no more, nothing is said about its connections."""
    with proxy(pooler.target) as between:

        async def run() -> ConnectError:
            connection = await connect(between.target, read_only=True, settings=LIMITS)
            between.go_silent()
            with pytest.raises(ConnectError) as caught:
                async with connection.limits(0.5):
                    pytest.fail("nobody answered")
            return caught.value

        error = asyncio.run(run())
    assert error.message == f"{between.target.shown} accepted the login, and then no answer came"
    assert "look at the machine itself" in error.hint


def test_a_full_pooler_that_is_too_late_to_say_so(pooler: Pooler) -> None:
    """What the second look did not learn in time is unknown: no server is said to stand still."""
    with taken(pooler, 2), proxy(pooler.target) as between:

        async def run() -> ConnectError:
            connection = await connect(between.target, read_only=True, settings=LIMITS)
            between.delay = 1000.0
            with pytest.raises(ConnectError) as caught:
                async with connection.limits(0.5):
                    pytest.fail("no server connection was free")
            return caught.value

        error = asyncio.run(run())
    assert error.message == f"{between.target.shown} accepted the login, and then no answer came"
    assert error.detail == (
        "Nothing answered within 0.5 s, and a second login was not answered within 1 s either:"
        " what stands still is not known."
    )
    assert "If PgBouncer listens there, all of its connections may be taken" in error.hint


class Said(Silent):
    """Keeps the stages it is told, and does something then."""

    def __init__(self, then: Callable[[], object] = str) -> None:
        self.steps: list[str] = []
        self._then = then

    def step(self, text: str) -> None:
        """Keep one."""
        self.steps.append(text)
        self._then()


def test_patience_says_that_it_waits(pooler: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody at a terminal is told after a moment, and gets the reason in the end."""
    monkeypatch.setattr("dbtool.database.pooler._TOLD_AFTER", 0.2)
    monkeypatch.setattr("dbtool.database.pooler._GIVEN_UP_AFTER", 0.6)
    monkeypatch.setattr("dbtool.database.pooler._PROBE_LIMIT", 30.0)
    said = Said()

    async def run() -> ConnectError:
        connection = await connect(pooler.target)
        with pytest.raises(ConnectError) as caught:
            await Patience(pooler.target, said).first(connection.fetchval("SELECT 1"))
        connection.terminate()
        return caught.value

    with taken(pooler, 2):
        error = asyncio.run(run())
    assert error.message == NOT_FREE.replace("SERVER", pooler.target.address)
    assert said.steps == [f"waiting for {pooler.target.shown} to answer"]


def test_patience_ends_with_the_answer(
    server: Server, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was told that it waits gets the answer, however soon it comes then."""
    monkeypatch.setattr("dbtool.database.pooler._TOLD_AFTER", 0.05)
    monkeypatch.setattr("dbtool.database.pooler._GIVEN_UP_AFTER", 60.0)

    async def run(said: Said) -> object:
        connection = await connect(pooler.target)
        patience = Patience(pooler.target, said)
        answer = await patience.first(
            connection.fetchval("SELECT pg_advisory_xact_lock(4711)::text || 'x'")
        )
        await connection.close()
        return answer

    with SyncConnection(server.target()) as holder:
        holder.execute("SELECT pg_advisory_lock(4711)")
        told = Said(lambda: holder.execute("SELECT pg_advisory_unlock(4711)"))
        assert asyncio.run(run(told)) == "x"
    assert len(told.steps) == 1
