"""Who waits in a real PgBouncer, and what the server behind it says of those who hold it up."""

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import pytest
from asyncpg import ConnectionDoesNotExistError, QueryCanceledError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import ConnectError, UsageError
from dbtool.finding import Finding, Severity, Unknown, judge
from dbtool.health import layers as module
from dbtool.health.layers import Layers, read
from dbtool.health.pgbouncer import Row, pooler_of
from dbtool.health.rules import POOLER
from dbtool.health.view_pooler import layers_report
from dbtool.render.prometheus import render
from tests.health.crowd import Crowd, crowd
from tests.pgbouncer import Pooler, pgbouncer

LIMIT = 60.0
SLEEP = "SELECT pg_sleep(60), 'secret'"


@pytest.fixture
def pooler(database: Target) -> Iterator[Pooler]:
    """A PgBouncer of two connections for each database."""
    with pgbouncer(database) as running:
        yield running


@pytest.fixture
def clients(pooler: Pooler) -> Iterator[Crowd]:
    """Clients of the pooler."""
    with crowd(pooler.target) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the real time is long enough to be idle here."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)


@contextmanager
def running(target: Target, database: Target, *statements: str) -> Iterator[None]:
    """Clients that each send one statement and wait; what they run is cancelled at the end.

    A cancel that meets what PgBouncer sets for the next client costs that one its session.
    """

    def run(statement: str) -> None:
        with (
            SyncConnection(target, application_name="late@h:1") as connection,
            suppress(QueryCanceledError, ConnectionDoesNotExistError),
        ):
            connection.execute(statement)

    threads = [threading.Thread(target=run, args=(each,)) for each in statements]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        with SyncConnection(database) as admin:
            for thread in threads:
                while thread.is_alive():
                    admin.execute(
                        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                        " WHERE query LIKE 'SELECT pg_sleep%' AND pid <> pg_backend_pid()"
                    )
                    thread.join(0.05)


def until(reading: Callable[[], Layers], wanted: Callable[[Layers], bool]) -> Layers:
    """What is read as soon as it is as wanted."""
    end = monotonic() + LIMIT
    while not wanted(found := reading()):
        assert monotonic() < end, found
        sleep(0.02)
    return found


def waiting(found: Layers) -> int:
    """How many clients wait."""
    return sum(queue.pool.clients_waiting for queue in found.queues)


def judged(found: Layers) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    """What the rules say."""
    return judge(POOLER, found)


def waited(found: Layers, seconds: float) -> Layers:
    """The same after the first client has waited for so long."""
    queues = tuple(
        dataclasses.replace(each, pool=dataclasses.replace(each.pool, max_wait_seconds=seconds))
        for each in found.queues
    )
    return dataclasses.replace(found, queues=queues)


def test_a_queue_behind_idle_transactions(database: Target, pooler: Pooler, clients: Crowd) -> None:
    """The holders are named and ended by pid; literals do not show; who waits gets on."""
    holders = [clients.session(f"api@h:{n}", "BEGIN", "SELECT 'secret'") for n in range(2)]
    with running(pooler.target, database, "SELECT 1", "SELECT 1", "SELECT 1"):
        found = until(
            lambda: read(pooler.target, database),
            lambda seen: waiting(seen) == 3 and any(len(each.idle) == 2 for each in seen.queues),
        )
        for severity, seconds in (
            (Severity.NOTE, 0.9),
            (Severity.WARNING, 1),
            (Severity.ERROR, 10),
        ):
            ((finding,), unknowns) = judged(waited(found, seconds))
            assert (finding.rule, finding.severity) == ("pooler-queue-behind-idle", severity)
        assert unknowns == ()
        assert finding.title.endswith(
            "3 clients of"
            f" {database.user}@{database.database} wait in the pooler for up to 10 s:"
            " 2 of its 2 connections in use are held idle in transaction"
        )
        assert finding.evidence[0] == "held by api 2"
        assert {line.partition(": SELECT ")[2] for line in finding.evidence[1:3]} == {"?"}
        assert finding.fix is not None
        with SyncConnection(database) as admin:
            ended = admin.fetch(finding.fix.code.replace(";", ""))
        assert len(ended) == 2
    for holder in holders:
        with pytest.raises(Exception, match=r"terminat|closed"):
            holder.execute("SELECT 1")


def test_a_queue_behind_work(database: Target, pooler: Pooler) -> None:
    """Active holders are not blamed for being idle, though one of the server's sessions is."""
    with crowd(database) as direct, running(pooler.target, database, *[SLEEP] * 3):
        direct.session("innocent", "BEGIN", "SELECT 1")
        found = until(
            lambda: read(pooler.target, database),
            lambda seen: (
                waiting(seen) == 1
                and [each.backend and each.backend.session.state for each in seen.queues[0].held]
                == ["active", "active"]
            ),
        )
        ((finding,), unknowns) = judged(waited(found, 2))
    assert (finding.rule, finding.severity) == ("pooler-queue-behind-work", Severity.WARNING)
    assert finding.title.endswith("its 2 connections in use are at work")
    assert all("SELECT pg_sleep(?), ?" in line for line in finding.evidence[:2])
    assert "innocent" not in str(finding)
    assert unknowns == ()


def test_a_queue_behind_a_lock(database: Target, pooler: Pooler) -> None:
    """Connections that wait for a lock are told from those that work, and lead to `locks`."""
    with crowd(database) as direct:
        direct.session("holder", "CREATE TABLE t (a int)", "BEGIN", "LOCK t")
        with running(pooler.target, database, *["SELECT pg_sleep(0) FROM t"] * 3):
            found = until(
                lambda: read(pooler.target, database),
                lambda seen: (
                    waiting(seen) == 1
                    and [each.backend and each.backend.waits for each in seen.queues[0].held]
                    == ["Lock", "Lock"]
                ),
            )
        ((finding,), _) = judged(waited(found, 2))
    assert finding.title.endswith("its 2 connections in use wait for locks")
    assert finding.fix is not None
    assert finding.fix.code == "dbtool locks"


def test_a_pooler_that_keeps_statements_clears_the_warning(database: Target) -> None:
    """Session mode is safe, which the console says and the endpoint alone does not."""
    for mode, kept, rules in (
        ("session", True, []),
        ("transaction", False, ["asyncpg-through-pooler"]),
    ):
        with (
            pgbouncer(database, {"pool_mode": mode}) as running_so,
            crowd(running_so.target) as clients,
        ):
            clients.idle(1)
            found = read(running_so.target, running_so.target)
        assert found.statements_kept is kept
        assert [each.rule for each in layers_report(found).findings] == rules


def test_no_client_waits(database: Target, pooler: Pooler, clients: Crowd) -> None:
    """Idle transactions that nobody waits for, and clients that hold nothing, are no finding."""
    clients.session("api", "BEGIN", "SELECT 1")
    clients.idle(3)
    found = read(pooler.console, database)
    assert judged(found) == ((), ())
    (queue,) = found.queues
    text = render(layers_report(found))
    of_pool = f'{{database="{database.database}",user="{database.user}"}}'
    for name, value in (("servers_active", 1), ("servers_most", 2), ("clients_waiting", 0)):
        assert f"\ndbtool_pooler_{name}{of_pool} {value}\n" in text
    assert "\ndbtool_slots_used " in text
    assert (
        '\ndbtool_application_connections{application="api",state="idle in transaction"} 1\n'
        in text
    )
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    assert (queue.pool.servers_active, queue.pool.size, queue.pool.mode) == (1, 2, "transaction")
    assert queue.held[0].application == "api"


def test_processes_of_another_server_are_not_taken_for_the_poolers(
    database: Target, pooler: Pooler, clients: Crowd
) -> None:
    """A pid alone proves nothing: database, and port or start, have to agree."""
    clients.session("api", "BEGIN", "SELECT 1")
    found = read(pooler.target, database)
    (held,) = found.queues[0].held
    pool = found.queues[0].pool
    assert held.backend is not None
    stamp = held.connection.connected
    for change in (
        {"local_port": None},
        {"connected": stamp.replace(" UTC", " CET"), "local_port": None},
        {"connected": "", "local_port": held.backend.port},
    ):
        assert (
            module._proven(dataclasses.replace(held.connection, **change), pool, held.backend)
            is held.backend
        )
    session = dataclasses.replace(held.backend.session, backend_start="2020-01-01T00:00:07+00:00")
    older = dataclasses.replace(held.backend, session=session, port=7)
    shifted = dataclasses.replace(held.connection, connected="2020-01-01 00:05:00 UTC")
    assert module._proven(shifted, pool, older) is None
    elsewhere = dataclasses.replace(pool, server_database="staging")
    assert module._proven(held.connection, elsewhere, held.backend) is None


def test_a_paused_database(database: Target, pooler: Pooler) -> None:
    """Who waits for RESUME waits for nobody's work."""
    shown: dict[str, list[Row]] = {
        "POOLS": [{"database": "shop", "user": "app", "cl_waiting": 2, "maxwait": 3}],
        "DATABASES": [{"name": "shop", "paused": 1, "pool_size": 5}],
        "CONFIG": [{"key": "query_wait_timeout", "value": "4"}],
    }
    found = module._joined(pooler_of("h:6432", shown), None, ())
    ((finding,), (unknown,)) = judged(found)
    assert (finding.rule, finding.severity) == ("pooler-queue-unserved", Severity.ERROR)
    assert finding.fix is not None
    assert finding.fix.code == 'RESUME "shop";'
    assert unknown.rule == "pooler-server-unreachable"


def test_without_the_server_the_pooler_is_told(
    database: Target, pooler: Pooler, clients: Crowd
) -> None:
    """A URL that leads through the pooler's full pool fails; the queue shows all the same."""
    for n in range(2):
        clients.session(f"api@h:{n}", "BEGIN", "SELECT 1")
    nowhere = dataclasses.replace(database, host="127.0.0.1", port=1)
    report = layers_report(read(pooler.target, nowhere))
    assert [each.rule for each in report.findings] == ["pooler-server-unreachable"]
    assert (
        report.headline == f"PgBouncer {read(pooler.target, None).pooler.version}: no client waits"
    )


def test_clients_near_their_limit(database: Target, clients: Crowd, pooler: Pooler) -> None:
    """All of the limit is an error, half of it is none; the client that asks does not count."""
    clients.idle(8)
    found = read(pooler.target, database)
    seen = found.pooler.clients - 1
    assert seen >= 8
    rules = {}
    for most in (seen, 2 * seen):
        small = dataclasses.replace(
            found, pooler=dataclasses.replace(found.pooler, max_clients=most)
        )
        rules[most] = [(each.rule, each.severity) for each in judged(small)[0]]
    assert rules == {seen: [("pooler-clients-near-limit", Severity.ERROR)], 2 * seen: []}


def test_columns_are_read_by_name() -> None:
    """Other versions have more columns, in another order, or lack some."""
    old: dict[str, list[Row]] = {
        "POOLS": [{"maxwait": "7", "cl_waiting": "1", "new": "x", "user": "u", "database": "d"}],
        "SERVERS": [{"database": "d", "user": "u", "state": "active", "link": "gone"}],
        "CONFIG": [
            {"key": "default_pool_size", "value": "4"},
            {"key": "pool_mode", "value": "session"},
        ],
    }
    pooler = pooler_of("h:6432", old)
    (pool,) = pooler.pools
    assert (pool.size, pool.mode, pool.max_wait_seconds) == (4, "session", 7.0)
    assert (pool.server_database, pool.average_wait_seconds) == ("d", None)
    assert (pooler.max_prepared_statements, pooler.version) == (None, "")
    assert pooler.connections[0].application == ""


def test_what_a_new_version_sets_for_a_user_goes_before_the_database() -> None:
    """Sizes as 1.25 pads them; an older one calls the reserve differently; 0 is no limit."""
    users = [("padded", "        5", "        2"), ("none", "        0", ""), ("unset", "", "")]
    shown: dict[str, list[Row]] = {
        "POOLS": [
            {"database": "d", "user": name, "sv_active": 3, "sv_being_canceled": 1, "sv_login": 1}
            for name, *_ in users
        ],
        "DATABASES": [{"name": "d", "pool_size": 9, "reserve_pool": 1}],
        "USERS": [
            {"name": name, "pool_size": size, "reserve_pool_size": reserve}
            for name, size, reserve in users
        ],
        "CONFIG": [{"key": "default_pool_size", "value": "20"}],
    }
    pooler = pooler_of("h:6432", shown)
    assert [(each.size, each.reserve) for each in pooler.pools] == [(5, 2), (0, 1), (9, 1)]
    assert {each.servers_open for each in pooler.pools} == {4}
    assert pooler.opens == 5 + 2 + 4 + 9 + 1
    found = module._joined(pooler, None, ())
    cells = {row[0]: row[2] for each in layers_report(found).sections for row in each.rows}  # type: ignore[union-attr]
    assert cells == {"padded@d": "3 of 5", "none@d": "3", "unset@d": "3 of 9"}
    assert [queue.cause for queue in found.queues] == ["unopened", "unopened", "unopened"]


def test_what_is_no_pgbouncer_is_told(database: Target, pooler: Pooler) -> None:
    """A server, nobody, and a user who may not look; secrets stay out of it."""
    tcp = parse("postgresql://x:secret@127.0.0.1:1/shop", "--pgbouncer", {})
    with pytest.raises(UsageError, match="is a PostgreSQL server and no PgBouncer"):
        read(database, None)
    with pytest.raises(ConnectError, match="cannot connect to the PgBouncer x@127") as refused:
        read(tcp, None)
    assert "secret" not in f"{refused.value.message} {refused.value.detail} {refused.value.hint}"


def test_psycopg_is_asked_for(database: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the command says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError) as told:
        read(database, None)
    assert told.value.hint == "pip install 'dbtool-pg[pgbouncer]'"
