"""The lock forest beside the server's own word, pg_blocking_pids, in every kind of queue."""

import dataclasses
import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic, sleep
from typing import Any

import pytest

from dbtool.database.login import HOLDER
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.health import tree
from dbtool.health.forest import Forest, Node, forest
from dbtool.health.locks import Locks, read
from dbtool.health.locktable import lock_table
from dbtool.scratch.server import Server
from tests.conftest import MAJOR
from tests.health.crowd import Crowd, crowd
from tests.health.waiting import LIMIT, running, waiting

ALTER = "ALTER TABLE t ADD c int"
UPDATE = "UPDATE t SET b = 2 WHERE a = 1"
SHARE = "SELECT * FROM t WHERE a = 1 FOR SHARE"

SCENARIOS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "row chain": ((UPDATE,), (UPDATE, UPDATE, UPDATE)),
    "rows of one transaction": (
        ("UPDATE t SET b = 2",),
        (UPDATE, "UPDATE t SET b = 3 WHERE a = -1", "DELETE FROM t WHERE a = -2", UPDATE),
    ),
    "row deleted": (("DELETE FROM t WHERE a = 1",), (SHARE, SHARE, SHARE)),
    "shared row": ((SHARE, SHARE), (UPDATE, UPDATE, UPDATE)),
    "reader, ALTER, readers": (("SELECT * FROM t",), (ALTER, "SELECT * FROM t", "SELECT 1 FROM t")),
    "two ALTERs": (
        ("SELECT * FROM t", "SELECT * FROM t"),
        (ALTER, "SELECT * FROM t", ALTER, "INSERT INTO t VALUES (9, 9)"),
    ),
    "index and writer": (
        ("INSERT INTO t VALUES (2, 2)",),
        ("CREATE INDEX ON t (b)", "INSERT INTO t VALUES (3, 3)", "CREATE INDEX ON t (a)"),
    ),
    "modes that pass": (
        ("LOCK t IN SHARE UPDATE EXCLUSIVE MODE",),
        ("LOCK t IN SHARE MODE", "LOCK t IN ROW EXCLUSIVE MODE", "LOCK t IN SHARE MODE"),
    ),
    "advisory": (("SELECT pg_advisory_xact_lock(7)",), ("SELECT pg_advisory_lock(7)",) * 2),
    "unique key": (("INSERT INTO t VALUES (5, 5)",), ("INSERT INTO t VALUES (5, 6)",) * 2),
    "concurrently": (("INSERT INTO t VALUES (4, 4)",), ("CREATE INDEX CONCURRENTLY ON t (b)",)),
    "concurrently, two writers": (
        ("INSERT INTO t VALUES (4, 4)", "INSERT INTO t VALUES (5, 5)"),
        ("CREATE INDEX CONCURRENTLY ON t (b)",),
    ),
}

ACTIVE = "SELECT pid FROM pg_stat_activity WHERE state = 'active'"


def test_a_locked_database(database: Target) -> None:
    """It is named, and so are the login that waits for it and those who are in its way."""
    gone = dataclasses.replace(database, database=f"{database.database}_gone")
    seen = HOLDER[HOLDER.index("SELECT") : HOLDER.index(";")]
    with SyncConnection(database) as holder, SyncConnection(database) as innocent:
        holder.execute(f"CREATE DATABASE {gone.database}")
        holder.execute(f"BEGIN; COMMENT ON DATABASE {gone.database} IS 'x'")
        innocent.execute("SELECT pg_advisory_lock(1262, 1)")
        pid = holder.fetchval("SELECT pg_backend_pid()")
        with (
            waiting(database, f"DROP DATABASE {gone.database}") as drops,
            SyncConnection(database) as onlooker,
            _logging_in(gone, onlooker) as login,
        ):
            found = read(database)
            pids = onlooker.fetchval(f"SELECT json_object_agg(pid, granted) FROM ({seen}) AS q")
        holder.execute("ROLLBACK")
        holder.execute(f"DROP DATABASE {gone.database}")
    waits = {each.id: each for each in found.forest.nodes if each.waits}
    assert waits.keys() == {drops, login}
    assert {each.waits.thing for each in waits.values() if each.waits} == {
        f"database {gone.database}"
    }
    assert json.loads(pids) == {str(pid): True, str(drops): False}
    late = dataclasses.replace(waits[login], session=None)
    assert tree.named(late) == f"pid {login} (still logging in)"
    if MAJOR < 18:
        assert waits[login].session is None


def test_a_login_alone_waits_for_its_database(database: Target) -> None:
    """Before 18 no list of sessions has it: the lock table alone tells of it."""
    gone = dataclasses.replace(database, database=f"{database.database}_gone")
    with SyncConnection(database) as holder, SyncConnection(database) as onlooker:
        holder.execute(f"CREATE DATABASE {gone.database}")
        holder.execute(f"BEGIN; ALTER DATABASE {gone.database} RENAME TO {gone.database}_2")
        pid = holder.fetchval("SELECT pg_backend_pid()")
        with _logging_in(gone, onlooker) as login:
            found = read(database).forest
        holder.execute("ROLLBACK")
        holder.execute(f"DROP DATABASE {gone.database}")
    assert {each.id for each in found.nodes} == {pid, login}
    (wait,) = (each.waits for each in found.nodes if each.waits)
    assert wait.thing == f"database {gone.database}"


@contextmanager
def _logging_in(target: Target, onlooker: SyncConnection) -> Iterator[int]:
    """A login that waits for its database; it is let go with the block."""

    def login() -> None:
        with suppress(Exception), SyncConnection(target, timeout=LIMIT):
            pass

    before = "SELECT min(pid) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND NOT granted"
    runs = threading.Thread(target=login, daemon=True)
    runs.start()
    until = monotonic() + LIMIT
    while (pid := onlooker.fetchval(before)) is None:
        assert monotonic() < until, "no login waits"
        sleep(0.01)
    try:
        yield pid
    finally:
        onlooker.execute(f"SELECT pg_terminate_backend({pid}, 60000)")
        runs.join(LIMIT)


@pytest.fixture
def table(database: Target) -> Target:
    """A database with one table of a few rows."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE t (a int PRIMARY KEY, b int);"
            " INSERT INTO t VALUES (1, 1), (-1, 1), (-2, 1)"
        )
    return database


@contextmanager
def queued(target: Target, people: Crowd, name: str) -> Iterator[None]:
    """The scenario, with somebody near who is in nobody's way."""
    holds, waits = SCENARIOS[name]
    people.session("bystander", "BEGIN", "SELECT 1")
    for statement in holds:
        people.session("holder", "BEGIN", statement)
    with ExitStack() as stack:
        for statement in waits:
            alone = "CONCURRENTLY" in statement
            stack.enter_context(waiting(target, statement if alone else f"BEGIN; {statement}"))
        yield


def edges(forest: Forest) -> dict[int, set[int]]:
    """Who waits for whom; 0 for a prepared transaction."""
    return {node.id: {max(pid, 0) for pid in node.blockers} for node in forest.nodes if node.waits}


def turns_of(forest: Forest) -> Iterator[tuple[bool, bool]]:
    """Whether rows are shared, and whether CONCURRENTLY waits, for each who holds others up."""
    for node in forest.roots:
        assert node.release is not None
        yield node.release.in_turn, node.release.beside


def truth(target: Target) -> dict[int, set[int]]:
    """The same from the server."""
    with SyncConnection(target, application_name="onlooker") as connection:
        rows = connection.fetch(
            "SELECT coalesce(CASE WHEN backend_type = 'parallel worker' THEN leader_pid END, pid),"
            " pg_blocking_pids(pid)::text FROM pg_stat_activity"
            " WHERE pid IN (SELECT pid FROM pg_locks WHERE NOT granted)"
            " AND datname = current_database()"
        )
    return {pid: {int(each) for each in text.strip("{}").split(",")} for pid, text in rows}


def by_application(locks: Locks) -> dict[str, list[Node]]:
    """The nodes by what they call themselves."""
    found: dict[str, list[Node]] = {}
    for node in locks.forest.nodes:
        found.setdefault(node.session.application if node.session else "", []).append(node)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_servers_own_graph(name: str, table: Target, people: Crowd) -> None:
    """Every edge is one of pg_blocking_pids and none is missing; the bystander is no part."""
    with queued(table, people, name):
        locks = read(table)
        real = truth(table)
    assert edges(locks.forest) == real
    assert len(real) == len(SCENARIOS[name][1])
    assert set(by_application(locks)) == {"holder", "waiter"}
    assert all(node.waits is None for node in by_application(locks)["holder"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_an_end_releases(name: str, table: Target, people: Crowd) -> None:
    """Each in the way is ended in turn: exactly those go on who were foretold."""
    holds, waits = SCENARIOS[name]
    for place in range(len(holds) + len(waits)):
        with crowd(table) as others, queued(table, others, name):
            forest = read(table).forest
            ordered = sorted(forest.nodes, key=lambda node: node.id)
            node = ordered[min(place, len(ordered) - 1)]
            if node.release is None:
                continue
            with SyncConnection(table, application_name="onlooker") as admin:
                admin.execute(f"SELECT pg_terminate_backend({node.id}, 60000)")
                # What two share is handed on by the last of them, and only one shows.
                shared = (node.release.in_turn or node.release.beside) and len(holds) > 1
                wanted = 0 if shared else node.release.at_once_count
                gone_on = _moved(admin, forest, node, wanted)
        assert len(gone_on) == wanted, (name, place)
        if not (node.release.in_turn or node.release.beside):
            # All who wait for one transaction wake up together, and any of them may be first.
            assert gone_on == set(node.release.at_once), (name, place)


def _moved(admin: SyncConnection, forest: Forest, ended: Node, wanted: int) -> set[int]:
    """Whose statement is done, once that has settled; they all keep their transactions open."""
    waiters = {node.id for node in forest.nodes if node.waits} - {ended.id}
    for _ in range(3000):
        if len(_done(admin, waiters)) >= wanted:
            break
        admin.execute("SELECT pg_sleep(0.01)")
    admin.execute("SELECT pg_sleep(0.05)")
    return _done(admin, waiters)


def _done(admin: SyncConnection, waiters: set[int]) -> set[int]:
    active = {row[0] for row in admin.fetch(ACTIVE)}
    return waiters - active


def test_a_waiter_that_holds_already_goes_before_those_it_keeps_out(
    table: Target, people: Crowd
) -> None:
    """The server's queue is not in order of arrival there, and the forest knows it."""
    people.session("holder", "BEGIN", "SELECT * FROM t")
    with (
        waiting(table, ALTER, "alter") as alter,
        waiting(table, "BEGIN; LOCK t IN ACCESS EXCLUSIVE MODE", "other"),
    ):
        real = truth(table)
        assert edges(read(table).forest) == real
    upgrading = "BEGIN; SELECT * FROM t; LOCK t IN SHARE ROW EXCLUSIVE MODE"
    people.session("writer", "BEGIN", "INSERT INTO t VALUES (8, 8)")
    with (
        running(table, "BEGIN; SELECT * FROM t; SELECT pg_sleep(60)", "early"),
        waiting(table, ALTER, "alter") as alter,
        waiting(table, upgrading, "upgrading"),
    ):
        real = truth(table)
        assert edges(read(table).forest) == real
    assert alter in real


def test_all_waits_are_measured_at_one_moment(table: Target, people: Crowd) -> None:
    """Their lengths tell the order of the queue: none may grow while the others are read."""
    people.session("holder", "BEGIN", "LOCK t")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(waiting(table, "SELECT * FROM t"))
        admin = people.session("onlooker")
        lengths = {node.id: node.waits.seconds for node in read(table).forest.nodes if node.waits}
        starts = dict(
            tuple(row)
            for row in admin.fetch("SELECT pid, waitstart FROM pg_locks WHERE NOT granted")
        )
    moments = {starts[pid].timestamp() + (lengths[pid] or 0.0) for pid in lengths}
    assert len(lengths) == 3
    assert max(moments) - min(moments) < 1e-6


def test_a_parallel_worker_is_its_leader(table: Target, people: Crowd) -> None:
    """Workers hold the same locks: the leader alone is named, as the server names it.

    Also to a role that may not see whose workers they are.
    """
    with SyncConnection(table) as connection:
        connection.execute("ALTER TABLE t SET (parallel_workers = 2)")
        connection.execute("INSERT INTO t SELECT g, g FROM generate_series(10, 20000) g")
        connection.execute("ANALYZE t")
    parallel = (
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
        " SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;"
        " SELECT count(*) FROM t JOIN t AS u ON t.a <> u.a"
    )
    workers = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'parallel worker' AND datname = current_database()"
    )
    with (
        SyncConnection(table, application_name="onlooker") as admin,
        running_until(table, parallel, admin, workers) as leader,
        waiting(table, ALTER),
    ):
        real = truth(table)
        admin.execute("CREATE ROLE onlooking_workers LOGIN")
        plain = dataclasses.replace(table, user="onlooking_workers")
        seen = [read(each).forest for each in (table, plain)]
        admin.execute("DROP ROLE onlooking_workers")
    assert [edges(each) for each in seen] == [real, real]
    assert [[root.id for root in each.roots] for each in seen] == [[leader], [leader]]
    assert [each.roots[0].release.at_once_count for each in seen if each.roots[0].release] == [1, 1]
    assert [{leader}] == list(real.values())


UNSEEN = (
    "leader backend_type backend_start query_start client state"
    " transaction_seconds query_seconds state_seconds query"
)


def hidden(pid: int, application: str = "report") -> dict[str, Any]:
    """A session as a plain role sees it."""
    seen = {"application": application, "role": "app", "superuser": False, "database": "shop"}
    return {"pid": pid, **seen, **dict.fromkeys(UNSEEN.split())}


def relation(number: int, holders: tuple[int, ...]) -> dict[str, Any]:
    """A table that somebody, by the table's number, wants alone."""
    held = [[pid, None, "AccessShareLock", True, None] for pid in holders]
    wants = [number, None, "AccessExclusiveLock", False, 2.0]
    named = {"relation": number, "here": True, "name": f"t{number}"}
    return {"kind": "relation", **named, "locks": [*held, wants]}


@pytest.mark.parametrize(
    ("other", "worker", "tables", "roots"),
    [
        pytest.param(2, "report", {100: (1, 2, 3)}, {1, 2}, id="holds what both leaders hold"),
        pytest.param(2, "report", {100: (1,), 200: (2, 3)}, {1, 2}, id="holds what one holds"),
        pytest.param(2, "api", {100: (1, 2, 3)}, {1, 2, 3}, id="is like none of them"),
        pytest.param(1, "report", {100: (1,), 200: (3,)}, {1, 3}, id="holds what none holds"),
    ],
)
def test_a_hidden_worker_of_several_leaders_alike(
    other: int, worker: str, tables: dict[int, tuple[int, ...]], roots: set[int]
) -> None:
    """Whoever it is taken for keeps out the same ones; no leader is made to keep out others."""
    rows = [*map(hidden, (1, 2, *tables)), hidden(3, worker)]
    answer = {
        "things": [relation(number, holders) for number, holders in tables.items()],
        "sessions": {name: [row[name] for row in rows] for name in rows[0]},
        "prepared": [],
        "named": [1, other],
    }
    found = forest(lock_table(answer))
    assert {root.id for root in found.roots} == roots
    leaders = {number: set(holders) & roots for number, holders in tables.items()}
    assert edges(found) == leaders


@contextmanager
def running_until(
    target: Target, statement: str, admin: SyncConnection, reached: str
) -> Iterator[int]:
    """Run a statement in a session of its own until the server says so; gives its pid."""
    with SyncConnection(target, application_name="report") as connection:
        pid = connection.fetchval("SELECT pg_backend_pid()")
        runs = threading.Thread(target=_quietly, args=(connection, statement), daemon=True)
        runs.start()
        for _ in range(3000):
            if admin.fetchval(reached):
                break
            admin.execute("SELECT pg_sleep(0.01)")
        else:
            raise AssertionError(f"{statement} is not there yet")
        yield pid
        admin.execute(f"SELECT pg_terminate_backend({pid}, 60000)")
        runs.join(LIMIT)


def _quietly(connection: SyncConnection, statement: str) -> None:
    with suppress(Exception):
        connection.execute(statement)


def test_a_deadlock_is_a_circle(table: Target) -> None:
    """While the server has not noticed it yet, both are told, and neither is called the root."""
    late = "SET deadlock_timeout = '10min'; BEGIN; SELECT pg_advisory_xact_lock({});"
    with SyncConnection(table, application_name="onlooker") as admin:
        admin.execute("SELECT pg_advisory_lock(3)")
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2 AND granted"
        then = " SELECT pg_advisory_xact_lock({});"
        second = late.format(2) + then.format(3) + then.format(1)
        with running_until(table, second, admin, held) as other:
            first = late.format(1) + " SELECT pg_advisory_xact_lock(2)"
            with waiting(table, first) as one:
                admin.execute("SELECT pg_advisory_unlock(3)")
                for _ in range(3000):
                    if truth(table) == {one: {other}, other: {one}}:
                        break
                    admin.execute("SELECT pg_sleep(0.01)")
                real = truth(table)
                found = read(table).forest
    assert real == {one: {other}, other: {one}}
    assert edges(found) == real
    assert [set(circle) for circle in found.cycles] == [{one, other}]


def test_prepared_transactions(preparing: Server) -> None:
    """They have no process: the node carries the name, and only a decision ends it."""
    target = preparing.create_database("prepared_forest")
    with SyncConnection(target) as session:
        session.execute("CREATE TABLE t (b int); INSERT INTO t VALUES (1); CREATE TABLE u ()")
        session.execute("BEGIN; LOCK u; PREPARE TRANSACTION 'innocent'")
        session.execute("BEGIN; UPDATE t SET b = 2; PREPARE TRANSACTION 'left'")
    with waiting(target, "UPDATE t SET b = 3"), waiting(target, "ALTER TABLE t ADD c int"):
        locks = read(target)
        assert edges(locks.forest) == truth(target)
    assert [*turns_of(locks.forest)] == [(True, False)]
    (root,) = locks.forest.roots
    assert root.prepared is not None
    assert (root.prepared.name, root.prepared.database) == ("left", target.database)
    assert root.remedy is not None
    assert root.remedy.action == "decide"
    assert root.remedy.command == "COMMIT PREPARED 'left'; or ROLLBACK PREPARED 'left';"
    with waiting(target, "CREATE INDEX CONCURRENTLY ON t (b);") as pid:
        found = read(target).forest
    assert [*turns_of(found)] == [(False, True)]
    waits = (found.node(pid) or root).waits
    assert waits is not None
    assert waits.thing.startswith("the end of transaction ")
    with SyncConnection(target) as session:
        session.execute("ROLLBACK PREPARED 'left'")
        session.execute("ROLLBACK PREPARED 'innocent'")
    preparing.drop_database(target.database)


@pytest.mark.parametrize(
    ("statements", "action"),
    [
        (("BEGIN", "LOCK t"), "terminate"),
        (("LOCK", "SELECT pg_advisory_lock(7)"), "terminate"),
    ],
)
def test_what_works_on_a_session_that_runs_nothing(
    table: Target, people: Crowd, statements: tuple[str, ...], action: str
) -> None:
    """Idle, in a transaction or not: a cancel does nothing, and a real one proves it."""
    people.session("holder", *(each for each in statements if each != "LOCK"))
    wants = "SELECT pg_advisory_lock(7)" if statements[0] == "LOCK" else "SELECT * FROM t"
    with waiting(table, wants), SyncConnection(table, application_name="onlooker") as admin:
        (root,) = read(table).forest.roots
        assert root.remedy is not None
        assert root.remedy.action == action
        admin.execute(f"SELECT pg_cancel_backend({root.id})")
        admin.execute("SELECT pg_sleep(0.1)")
        assert [each.id for each in read(table).forest.roots] == [root.id]
        admin.execute(f"SELECT pg_terminate_backend({root.id}, 60000)")
        assert read(table).forest.roots == ()


def test_what_works_on_a_running_statement(table: Target) -> None:
    """A cancel ends the statement and its transaction, and with it the lock."""
    with running(table, "SELECT a, pg_sleep(60) FROM t", "report") as root, waiting(table, ALTER):
        (node,) = read(table).forest.roots
        assert node.id == root
        assert node.remedy is not None
        assert node.remedy.action == "cancel"
        with SyncConnection(table, application_name="onlooker") as admin:
            admin.execute(f"SELECT pg_cancel_backend({root})")
            for _ in range(3000):
                if not read(table).forest.waiters:
                    break
                admin.execute("SELECT pg_sleep(0.01)")
        assert read(table).forest == Forest()


def test_the_revision_that_runs_there(table: Target, people: Crowd) -> None:
    """Where dbtool put it into its application_name."""
    people.session("dbtool revision ae10b2c3", "BEGIN", "LOCK t")
    with waiting(table, "SELECT * FROM t"):
        (root,) = read(table).forest.roots
    assert root.session is not None
    assert root.session.revision == "ae10b2c3"


def test_a_relation_of_another_database_is_not_named_wrongly(
    table: Target, server: Server, people: Crowd
) -> None:
    """Its number means another table here, so that the number and the database are all."""
    people.session("holder", "BEGIN", "LOCK t")
    with waiting(table, "SELECT * FROM t"):
        nodes = read(server.target()).forest.nodes
    things = {node.waits.thing for node in nodes if node.waits}
    assert len(things) == 1
    assert things.pop().endswith(f" of database {table.database}")


def test_a_plain_role_sees_the_forest_and_is_told_what_it_cannot_see(
    table: Target, people: Crowd
) -> None:
    """Edges are right; what would end the holder is unknown, never guessed."""
    people.session("holder", "BEGIN", "SELECT * FROM t")
    with SyncConnection(table) as admin:
        admin.execute("CREATE ROLE onlooking LOGIN")
    with waiting(table, ALTER), waiting(table, "SELECT * FROM t"):
        locks = read(dataclasses.replace(table, user="onlooking"))
        real = truth(table)
    with SyncConnection(table) as admin:
        admin.execute("DROP ROLE onlooking")
    assert edges(locks.forest) == real
    (root,) = locks.forest.roots
    assert root.remedy is not None
    assert root.remedy.action == "unknown"
    assert locks.sight.hidden == 3
    assert "insufficient privilege" not in str(locks)


def test_redacts_every_statement(table: Target, people: Crowd) -> None:
    """No literal of anybody leaves the server's activity."""
    people.session("holder", "BEGIN", "UPDATE t SET b = 987654 WHERE a = 1")
    with waiting(table, "UPDATE t SET b = 987655 WHERE a = 1 /* token=987656 */"):
        words = re.findall(r"\w+", str(read(table)))
    assert not {"987654", "987655", "987656"} & set(words)


def test_quiet_where_nobody_waits(table: Target, people: Crowd) -> None:
    """Open transactions, prepared statements and kept locks alone make no forest."""
    people.session("api", "BEGIN", "SELECT * FROM t")
    people.session("worker", "SELECT pg_advisory_lock(9)")
    with running(table, "SELECT pg_sleep(60) FROM t"):
        assert read(table).forest == Forest()


def test_a_process_of_the_server_is_called_by_its_kind(table: Target, people: Crowd) -> None:
    """A standby's startup process has no application and runs no statement: nothing is hidden."""
    people.session("holder", "BEGIN", "LOCK t")
    with waiting(table, "SELECT * FROM t") as pid:
        node = read(table).forest.node(pid)
    assert node is not None
    assert node.session is not None
    replays = dataclasses.replace(node.session, application="", backend_type="startup", query="")
    process = dataclasses.replace(node, session=replays)
    assert (tree.named(process), tree.statement(process)) == (
        f"pid {pid} (startup process)",
        "no statement",
    )
    silent = dataclasses.replace(node.session, query="", state="disabled")
    assert tree.statement(dataclasses.replace(node, session=silent)) == "(not tracked)"
    unseen = dataclasses.replace(node, session=dataclasses.replace(replays, backend_type=None))
    assert (tree.named(unseen), tree.statement(unseen)) == (
        f"pid {pid} (no application name)",
        "(hidden)",
    )
