"""The application's engine on real servers and behind a real PgBouncer: costs, and wrong rows."""

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dbtool.database import proof
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.engine import LoadedEngine, timing
from dbtool.engine.pooling import pooling
from dbtool.engine.timing import measure
from dbtool.errors import OperationError, UsageError
from dbtool.finding import Severity
from dbtool.health import mixing, probing
from dbtool.health.probing import Probed
from dbtool.health.view_probe import probe_report
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.health.crowd import alone, crowd, gone
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy

SAFE = {"connect_args": {"statement_cache_size": 0}}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets a turn at all gets it in time, also while the machine stands still."""
    monkeypatch.setattr(mixing, "TURN_SECONDS", 30.0)
    monkeypatch.setattr(mixing, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(proof, "HELD_SECONDS", 30)
    monkeypatch.setattr(timing, "LIMIT_SECONDS", 60.0)


def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler of one connection: who waits while it is taken waits in vain, and not for long.

    From then on it is taken: what was given up there still gets its turn.
    """
    begin, clients, vain = mixing._begin, list[mixing._Client](), list[mixing._Client]()

    async def begun(client: mixing._Client) -> None:
        clients.append(client)
        if any(each.connection.is_in_transaction() for each in clients):
            vain.append(client)
        with pytest.MonkeyPatch.context() as limited:
            limited.setattr(mixing, "TURN_SECONDS", 0.2 if vain else 30.0)
            await begin(client)

    monkeypatch.setattr(mixing, "_begin", begun)


def engine(target: Target, **arguments: Any) -> AsyncEngine:
    """An application's engine."""
    return create_async_engine(target.sqlalchemy_url("asyncpg"), **arguments)


def probed(
    made: Engine | AsyncEngine, target: Target | None = None, *, saturate: bool = False
) -> Probed:
    """What the command reads, with the engine's own database where none is named."""
    loaded = LoadedEngine(made, "app:engine", made=True)
    leads = loaded.target()
    times = partial(measure, loaded)
    return probing.read(target or leads, leads, pooling(loaded), times, saturate=saturate)


def told(found: Probed) -> list[tuple[str, Severity]]:
    """Which rules find something."""
    return [(each.rule, each.severity) for each in probe_report(found).findings]


def left_behind(target: Target) -> int:
    """Statements of ours that a connection of the pooler still has."""
    with SyncConnection(target) as connection:
        count: int = connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'dbtool%'"
        )
    return count


def test_wrong_rows_are_proven_and_cleared(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default arguments are an error, and not tried out; the safe ones are timed."""
    # In each round the clients are exchanged or not: in one of so many for sure.
    monkeypatch.setattr(mixing, "ROUNDS", 40)
    with pgbouncer(database) as pooler:
        unsafe, safe = probed(engine(pooler.target)), probed(engine(pooler.target, **SAFE))
        assert left_behind(pooler.target) == 0
    assert unsafe.mixing is not None
    assert unsafe.mixing.wrong > 0
    assert (unsafe.timings, unsafe.connections) == (None, 0)
    assert told(unsafe) == [("statements-mixed-by-pooler", Severity.ERROR)]
    (finding,) = probe_report(unsafe).findings
    assert "returned another client's row, without an error" in finding.evidence[0]
    assert finding.fix is not None
    assert "statement_cache_size" in finding.fix.code
    assert safe.mixing is not None
    assert safe.mixing.verdict == "mixed"
    assert safe.timings is not None
    assert told(safe) == []


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [({"default_pool_size": "1"}, "mixed"), ({"pool_mode": "session"}, "unmoved")],
)
def test_other_poolers(
    database: Target,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    verdict: str,
) -> None:
    """One connection for all is enough for a proof; session mode is no finding."""
    if verdict == "mixed":
        one_at_a_time(monkeypatch)
    with pgbouncer(database, settings) as pooler:
        found = probed(create_engine(pooler.target.sqlalchemy_url("psycopg")))
    assert found.mixing is not None
    assert (found.mixing.verdict, found.mixing.pooler) == (verdict, True)
    assert bool(told(found)) == (verdict == "mixed")
    assert (found.timings is None) == (verdict == "mixed")


def test_a_pooler_of_one_connection_is_not_kept_waiting(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes two gives up soon, and does not say that the engine leads elsewhere."""
    one_at_a_time(monkeypatch)
    monkeypatch.setattr(proof, "HELD_SECONDS", 2)
    with (
        pgbouncer(database, {"default_pool_size": "1"}) as pooler,
        pytest.raises(OperationError, match="could not prove in time"),
    ):
        probed(engine(pooler.target, **SAFE))


def test_a_network_that_goes_silent_is_given_up(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a transaction; what was seen until then proves nothing."""
    limits: list[asyncio.Timeout] = []
    timeout = asyncio.timeout

    def limited(seconds: float | None) -> asyncio.Timeout:
        made = timeout(seconds)
        if seconds == mixing.MOST_SECONDS:
            limits.append(made)
        return made

    monkeypatch.setattr(asyncio, "timeout", limited)
    with proxy(database) as through:

        async def silent(*_: Any) -> Any:
            through.go_silent()
            monkeypatch.setattr(mixing, "TURN_SECONDS", 0.1)
            monkeypatch.setattr(mixing, "FAREWELL_SECONDS", 0.1)
            (most,) = limits
            most.reschedule(asyncio.get_running_loop().time() + 0.1)
            return await ask(*_)

        ask = mixing._Client.ask
        monkeypatch.setattr(mixing._Client, "ask", silent)
        found = asyncio.run(mixing.mixing(through.target))
    assert (found.verdict, found.transactions) == ("undecided", 2)


def test_each_step_has_its_time(database: Target) -> None:
    """On a server of one's own nobody moves, and the pool is asked as the engine is set."""
    made = engine(database, pool_size=2, max_overflow=1, pool_pre_ping=True)
    # The first connection takes longer than a machine under load for all that is not connecting.
    event.listen(made.sync_engine, "do_connect", lambda *_: time.sleep(1), once=True)
    found = probed(made)
    assert found.timings is not None
    assert found.mixing is not None
    assert (found.connections, found.mixing.verdict) == (3, "unmoved")
    assert found.timings.checkout < found.timings.checkout_pinged < found.timings.first_checkout
    assert found.timings.login < found.timings.first_checkout
    assert told(found) == [("pre-ping-costs-round-trips", Severity.NOTE)]
    assert probe_report(found).unknowns == ()
    steps = {dict(each.labels)["step"] for each in probe_report(found).metrics}
    assert {"connected", "logged_in", "first_checkout", "statement_again"} <= steps


def test_the_engine_is_as_before(database: Target) -> None:
    """Its own pool is untouched, and nothing stays connected."""
    made = engine(database)
    before = made.pool
    probed(made)
    assert made.pool is before
    assert made.pool.status() == create_engine("postgresql+psycopg://").pool.status()
    with SyncConnection(database) as admin:
        gone(admin, "application_name = 'dbtool probe'")


@contextmanager
def led_astray(made: Engine, elsewhere: Target) -> Iterator[None]:
    """A hook of the application that connects to something else than its URL says."""
    dsn = elsewhere.sqlalchemy_url("psycopg").replace("+psycopg", "")

    def connect(*_: object) -> object:
        return psycopg.connect(dsn)

    event.listen(made, "do_connect", connect)
    yield
    event.remove(made, "do_connect", connect)


def test_an_engine_that_leads_elsewhere(database: Target, server: Server) -> None:
    """By its URL or by a hook: it is refused before it runs anything."""
    other = server.create_database("elsewhere_probe")
    with pytest.raises(OperationError, match="leads to another database"):
        probed(engine(other), database)
    made = create_engine(database.sqlalchemy_url("psycopg"))
    with led_astray(made, other), pytest.raises(OperationError, match="leads to another database"):
        probed(made)


def test_where_slots_are_short(small: Server) -> None:
    """Nothing is opened, and the finding says why; with few in use the share is kept to."""
    target = small.target()
    with alone(target) as onlooker, crowd(target) as people:
        found = probed(create_engine(target.sqlalchemy_url("psycopg"), pool_size=9))
        assert found.connections == found.pool.slots.free // 4
        gone(onlooker, "true")
        people.idle(found.pool.slots.free - 3)
        short = probed(engine(target))
    assert (short.connections, short.stages, short.mixing, short.timings) == (0, None, None, None)
    assert told(short) == [("few-free-slots", Severity.ERROR)]
    assert probe_report(short).headline.startswith("nothing was tried")


def test_a_full_pool(database: Target) -> None:
    """It is filled to its end, the next is refused in SQLAlchemy's words; one too large is not."""
    found = probed(engine(database, pool_size=1, max_overflow=1, pool_timeout=0.2), saturate=True)
    assert found.timings is not None
    saturation = found.timings.saturation
    assert saturation is not None
    assert (saturation.connections, saturation.code) == (2, "3o7r")
    assert saturation.refused_seconds >= 0.2
    for arguments in ({"max_overflow": 200}, {"max_overflow": -1}, {"poolclass": StaticPool}):
        with pytest.raises(UsageError):
            probed(engine(database, **arguments), saturate=True)


def test_the_command(database: Target, dbtool: Dbtool, tmp_path: Path) -> None:
    """It needs an engine, and fills a pool only where the settings say that nobody works."""
    (tmp_path / "shop.py").write_text(
        "import os\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
        "print('noise')\nengine = create_async_engine(os.environ['SHOP'])\n",
        encoding="utf-8",
    )
    (tmp_path / "dbtool.toml").write_text(
        '[env.dev]\nurl = "env:SHOP"\ndevelopment = true\n[env.stage]\nurl = "env:SHOP"\n',
        encoding="utf-8",
    )
    env = {"SHOP": database.sqlalchemy_url("asyncpg")}
    run = partial(dbtool, "pool", "probe", cwd=tmp_path, env=env)
    assert (run().code, "no engine is named" in run().err) == (2, True)
    ran = run("--engine", "shop:engine", "--env", "dev")
    assert (ran.code, ran.out.startswith("a new connection takes ")) == (0, True)
    assert "noise" not in ran.out
    for words in ((), ("--env", "stage")):
        refused = run("--engine", "shop:engine", "--saturate", *words)
        assert (refused.code, "--saturate needs --env" in refused.err) == (2, True)


def test_no_finding_where_nothing_could_be_tried(database: Target) -> None:
    """A pooler that could not be watched is unknown, never well."""
    found = probed(engine(database, **SAFE))
    unseen = dataclasses.replace(found, mixing=None, unmixed="no connection is free")
    (unknown,) = probe_report(unseen).unknowns
    assert (unknown.rule, "no connection is free" in unknown.reason) == (
        "statements-mixed-by-pooler",
        True,
    )
