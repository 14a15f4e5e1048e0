"""Explaining on a server: safe for it, whatever the statement is."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import (
    ConnectError,
    DbtoolError,
    Interrupted,
    LockNotObtained,
    OperationError,
    UsageError,
)
from dbtool.explain import facts
from dbtool.explain.examined import Explained
from dbtool.explain.lockwatch import LockWatch
from dbtool.explain.mentions import Mentioned
from dbtool.explain.run import How, explain
from dbtool.explain.session import Purpose, RefusedByServerError, guarded
from dbtool.explain.waits import Blocker, Wait
from dbtool.finding import Location
from dbtool.guard import Consent, Permission, Standing
from dbtool.scratch.server import Server
from dbtool.settings.environments import Environment
from tests.conftest import MAJOR
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy

_SETUP = """
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 500) g;
CREATE SEQUENCE s;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql VOLATILE
  AS 'BEGIN INSERT INTO t VALUES (-1); RETURN 1; END';
CREATE FUNCTION quiet() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE VIEW locking AS SELECT pg_try_advisory_lock(7) AS held;
ANALYZE
"""
_CHANGE = "UPDATE t SET v = 'x' WHERE id = 7"


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A database that every test leaves as it was, whatever it asks to have explained."""
    created = server.create_database("explained")
    with SyncConnection(created) as connection:
        connection.execute(f"{_SETUP}; ALTER DATABASE {created.database} SET jit = on")
    yield created
    server.drop_database("explained")


@pytest.fixture
def watcher(target: Target) -> Iterator[SyncConnection]:
    """Another session in that database."""
    with SyncConnection(target) as connection:
        yield connection


def production(*, yes: bool = False) -> Permission:
    """What may be done where the settings mark the database as production."""
    live = Environment("live", production=True, source="[tool.dbtool] env.live")
    return Permission(Consent(yes), environment=lambda _: live)


def fails(target: Target, sql: str, how: How | None = None, *, yes: bool = False) -> DbtoolError:
    """The error that explaining ends in."""
    with pytest.raises(DbtoolError) as caught:
        explain(target, sql, how=how, permission=Permission(Consent(yes)))
    return caught.value


def unchanged(watcher: SyncConnection) -> bool:
    """Whether nothing at all was left in the database."""
    found = watcher.fetchrow(
        "SELECT (SELECT count(*) FROM t) AS rows, (SELECT is_called FROM s) AS called,"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks,"
        " (SELECT count(*) FROM pg_class WHERE relname = 'new') AS tables"
    )
    assert found is not None
    return tuple(found) == (500, False, 0, 0)


def test_a_read_is_run_and_judged(target: Target) -> None:
    """One statement, one plan with times, on a server proven to be ours."""
    found = explain(target, "SELECT * FROM t WHERE id = 7")
    (examined,) = found.statements
    assert (found.database, found.version) == (target.shown, MAJOR)
    assert found.standing is Standing.DEVELOPMENT
    assert examined.sql == "SELECT * FROM t WHERE id = 7"
    assert examined.plan.root.kind == "Index Scan"
    assert examined.plan.root.rows == 1
    assert examined.times is not None
    assert examined.times.total_ms > 0


def test_statements_are_explained_in_order(target: Target) -> None:
    """Transaction control and psql's lines are left out with a note, EXPLAIN is taken off."""
    script = (
        "\\timing\nBEGIN;\nSELECT 1;\nEXPLAIN ANALYZE\n  VALUES (2), (3);\nCOMMIT;\n-- TABLE t;\n"
        "TABLE t"
    )
    found = explain(target, script)
    assert [(each.line, each.sql) for each in found.statements] == [
        (3, "SELECT 1"),
        (5, "VALUES (2), (3)"),
        (8, "TABLE t"),
    ]
    assert found.notes == ("left out: \\timing (line 1), BEGIN (line 2), COMMIT (line 6)",)


def test_findings_name_file_and_line(target: Target) -> None:
    """A finding is placed in the file its statement came from."""
    sql = "SELECT 1;\nSELECT * FROM generate_series(1, 5000) g OFFSET 4999"
    found = explain(target, sql, how=How(file="q.sql"))
    places = {finding.location for each in found.statements for finding in each.findings}
    assert Location("q.sql", 2, "#1 Limit") in places


WRITES = [
    "INSERT INTO t VALUES (0)",
    "UPDATE t SET v = 'x'",
    "DELETE FROM t",
    "MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
    "SELECT * INTO new FROM t",
    "SELECT * FROM t FOR UPDATE",
    "CREATE TABLE new AS SELECT * FROM t",
    "CREATE TABLE new AS EXECUTE p",
    "CREATE MATERIALIZED VIEW new AS SELECT * FROM t",
    "EXPLAIN ANALYZE CREATE TABLE new AS SELECT 1",
    "DECLARE c CURSOR FOR SELECT 1",
]

NEITHER = [
    "CALL p()",
    "DO $$ BEGIN PERFORM nextval('s'); END $$",
    "EXECUTE p",
    "PREPARE p AS DELETE FROM t",
    "VACUUM",
    "TRUNCATE t",
    "LOCK TABLE t",
    "COPY t TO PROGRAM 'true'",
    "SET work_mem = '1GB'",
    "NOTIFY c",
    "DROP TABLE t",
    "CREATE TABLE new (id int)",
]


@pytest.mark.parametrize("sql", [*WRITES, *NEITHER])
def test_what_does_more_than_read_is_refused(
    target: Target, watcher: SyncConnection, sql: str
) -> None:
    """Before anything is sent, alone or behind a harmless statement."""
    for text in (sql, f"SELECT 1; {sql}"):
        error = fails(target, text, yes=True)
        assert isinstance(error, UsageError), error
        assert "the statement" in error.message
    assert unchanged(watcher)


@pytest.mark.parametrize("sql", WRITES)
def test_what_writes_can_be_planned(target: Target, watcher: SyncConnection, sql: str) -> None:
    """A plan without running is safe for all of them."""
    if "EXECUTE p" in sql:
        error = fails(target, sql, How(analyze=False))
        assert error.message == 'prepared statement "p" does not exist'
    else:
        (examined,) = explain(target, sql, how=How(analyze=False)).statements
        assert not examined.plan.analysed
        assert examined.times is None
    assert unchanged(watcher)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT nextval('s')", "nextval()"),
        ("SELECT setval('s', 9)", "setval()"),
        ("SELECT pg_advisory_lock(1)", "pg_advisory_lock()"),
        ("SELECT pg_try_advisory_xact_lock(1)", "pg_try_advisory_xact_lock()"),
        ("SELECT * FROM locking", "pg_try_advisory_lock()"),
        ('SELECT "pg_advisory_lock" (1)', "pg_advisory_lock()"),
        ("SELECT pg_terminate_backend(0)", "pg_terminate_backend()"),
        ("SELECT pg_stat_reset()", "pg_stat_reset()"),
        ("SELECT pg_logical_emit_message(false, 'a', 'b')", "pg_logical_emit_message()"),
        ("SELECT lo_create(0)", "lo_create()"),
        ("SELECT pg_reload_conf()", "pg_reload_conf()"),
        ("SELECT query_to_xml('DELETE FROM t', true, true, '')", "query_to_xml()"),
        ("SELECT pg_read_file('PG_VERSION')", "pg_read_file()"),
        ("SELECT * FROM t ORDER BY nextval('s') LIMIT 0", "nextval()"),
    ],
)
def test_functions_a_rollback_does_not_undo_are_refused(
    target: Target, watcher: SyncConnection, sql: str, named: str
) -> None:
    """They are named, also where a view hides them; consent does not change that."""
    error = fails(target, sql, yes=True)
    assert isinstance(error, UsageError)
    assert error.message == f"refused to run the statement: it calls {named}"
    assert unchanged(watcher)


@pytest.mark.parametrize(
    "sql", ["SELECT random(), clock_timestamp(), gen_random_uuid(), pg_sleep(0), now()", "SELECT 1"]
)
def test_harmless_volatile_functions_run(target: Target, sql: str) -> None:
    """Chance and clocks change nothing."""
    assert explain(target, sql).statements[0].times is not None


def test_a_function_that_writes_is_stopped(target: Target, watcher: SyncConnection) -> None:
    """The transaction is read-only, so what hides in a function fails."""
    error = fails(target, "SELECT writes()")
    assert isinstance(error, UsageError)
    assert error.message == "the statement writes while it runs, through a function it calls"
    assert unchanged(watcher)


def test_unknown_functions_need_a_yes_outside_development(target: Target) -> None:
    """In development they run; elsewhere somebody has to say so."""
    assert explain(target, "SELECT quiet()").statements
    (refused,) = explain(target, "SELECT quiet()", permission=production()).statements
    assert "public.quiet(), which may do more than read" in refused.refused
    assert refused.times is None
    found = explain(target, "SELECT quiet()", permission=production(yes=True))
    assert found.standing is Standing.PRODUCTION


def test_expensive_statements_need_a_yes(target: Target) -> None:
    """Above the cost limit, which is lower in production, the plan is not run unasked."""
    series = "generate_series(1, (SELECT 1))"  # one row, of which the planner expects 1,000
    sql = f"SELECT count(*) FROM t, {series} a, {series} b"
    assert explain(target, sql).statements
    (refused,) = explain(target, sql, permission=production()).statements
    assert "without a yes dbtool runs up to 1,000,000 here" in refused.refused
    assert refused.times is None
    assert explain(target, sql, permission=production(yes=True)).statements


def test_limits_hold_inside_the_transaction(target: Target) -> None:
    """Read-only, statement, lock and idle timeouts are in force, and gone afterwards."""

    async def shown() -> tuple[list[str], list[str]]:
        names = ["transaction_read_only", "statement_timeout", "lock_timeout"]
        names += ["idle_in_transaction_session_timeout"]
        names += ["transaction_timeout"] if MAJOR >= 17 else []
        connection = await connect(target)
        try:
            async with guarded(connection, 7.0):
                inside = [await connection.fetchval(f"SHOW {name}") for name in names]
            after = [await connection.fetchval(f"SHOW {name}") for name in names]
        finally:
            await connection.close()
        return inside, after

    inside, after = asyncio.run(shown())
    limits = ["on", "7s", "2s", "30s", *(["44s"] if MAJOR >= 17 else [])]
    assert inside == limits
    assert after == ["off", "0", "0", "0", *(["0"] if MAJOR >= 17 else [])]


@pytest.mark.parametrize(
    ("how", "on"),
    [
        (How(), 1),
        (How(settings=(("jit", "off"),)), 0),
        (How(settings=(("enable_seqscan", "off"),), generic=True), 1),
    ],
)
def test_the_statement_is_compiled_as_it_would_be(target: Target, how: How, on: int) -> None:
    """Our own questions are not, and it would take their setting; with --set it takes that."""
    sql = "SELECT 1 WHERE current_setting('jit') = 'on'"
    (examined,) = explain(target, sql, how=how).statements
    assert examined.plan.root.rows == on


@pytest.mark.parametrize("settings", [(), (("jit", "on"),)])
def test_our_own_questions_are_not_compiled(
    target: Target, settings: tuple[tuple[str, str], ...]
) -> None:
    """Where they cost much in the planner's eyes, that took seconds; the last gives it back."""

    async def shown() -> list[str]:
        connection = await connect(target)
        try:
            async with guarded(connection, 7.0, purpose=Purpose.ASK, settings=settings):
                inside = await connection.fetchval("SHOW jit")
                await facts.read(connection, (), Mentioned())
                still = await connection.fetchval("SHOW jit")
                await facts.read(connection, (), Mentioned(), last=True)
                return [inside, still, await connection.fetchval("SHOW jit")]
        finally:
            await connection.close()

    assert asyncio.run(shown()) == ["off", "off", "on"]


def test_user_text_never_travels_in_the_simple_protocol(target: Target) -> None:
    """The server itself takes no second statement, should the parser ever miss one."""

    async def run() -> None:
        connection = await connect(target)
        try:
            async with guarded(connection, 7.0) as session:
                await session.run("SELECT 1; DELETE FROM t", 1)
        finally:
            await connection.close()

    with pytest.raises(RefusedByServerError, match="cannot insert multiple commands"):
        asyncio.run(run())


def test_round_trips(target: Target) -> None:
    """Logging in aside, the whole protocol takes at most ten round trips."""
    with proxy(target) as between:
        for _ in range(10):
            between.forget()
            explain(between.target, "SELECT count(*), max(lower(v)) FROM t WHERE id > 1")
            # Where a machine stalls, a second connection looks for locks that are waited for.
            if len(between.connections) == 1:
                break
        (traffic,) = between.connections
    assert traffic.after_login <= 10


def test_through_a_transaction_pooler(target: Target, watcher: SyncConnection) -> None:
    """Limits and rollback need no session of one's own, and nothing is left in the pooler's."""
    with pgbouncer(target, {"default_pool_size": "1"}) as pooler:
        for parameters in ((), ("7",)):
            sql = "SELECT * FROM t WHERE id = $1" if parameters else "SELECT count(*) FROM t"
            (examined,) = explain(pooler.target, sql, how=How(parameters=parameters)).statements
            assert examined.times is not None
        with pytest.raises(OperationError, match="did not finish"):
            explain(pooler.target, "SELECT pg_sleep(9)", how=How(timeout=0.2))
        assert explain(pooler.target, "SELECT 1").statements
    assert unchanged(watcher)


def test_a_timeout_says_what_to_do(target: Target, watcher: SyncConnection) -> None:
    """No partial plan exists, a plan without running does."""
    error = fails(target, "SELECT pg_sleep(9)", How(timeout=0.2))
    assert isinstance(error, OperationError)
    assert error.message == "the statement did not finish within 0.2 s"
    assert error.hint == (
        "--timeout 0.4 gives it longer; --no-analyze only plans it, and with --advise looks for an"
        " index."
    )
    assert sleeping(watcher, 9) == 0


def sleeping(watcher: SyncConnection, seconds: int) -> int:
    """How many sessions still run a statement that sleeps so long: each test has a time of its own.

    Sessions of the tests before may still be ending.
    """
    found = watcher.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1",
        f"%pg_sleep({seconds})%",
    )
    return int(found)


def test_a_locked_table_is_not_waited_for(target: Target) -> None:
    """Planning needs a lock too; two seconds and we are gone."""
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE t")
        for _ in range(10):
            error = fails(target, "SELECT * FROM t")
            assert isinstance(error, LockNotObtained)
            assert error.message == "a table of the statement is locked by another session"
            # A machine that stalls for the two seconds has not looked who holds it.
            if "It was held by" in error.detail:
                break
    assert "It was held by session" in error.detail
    assert "idle in transaction" in error.detail


def refused_by_a_lock(target: Target, seen: str, sql: str = "SELECT * FROM t", **how: Any) -> str:
    """What is told of a lock that another session has, once it was seen."""
    for _ in range(10):
        detail = fails(target, sql, How(**how), yes=True).detail
        # A machine that stalls for the two seconds has not looked who holds it.
        if seen in detail:
            break
    return detail


@contextmanager
def asking(target: Target, watcher: SyncConnection, first: str, then: str) -> Iterator[int]:
    """A session that has done the one thing and waits to do the other."""
    with SyncConnection(target) as waiting:
        pid = int(waiting.fetchval("SELECT pg_backend_pid()"))
        waiting.execute(f"BEGIN; {first}")
        thread = threading.Thread(target=waiting.execute, args=(then,))
        thread.start()
        try:
            blocked = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted"
            while not watcher.fetchval(blocked, pid):
                time.sleep(0.02)
            yield pid
        finally:
            watcher.execute("ROLLBACK")
            thread.join()


def test_a_holder_that_was_not_seen_is_told_to_be_unknown(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that stalls may look too late: then nobody is named, and that is said."""
    monkeypatch.setattr("dbtool.explain.lockwatch.FIRST_LOOK", 60.0)
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE t")
        assert fails(target, "SELECT * FROM t").detail.endswith(
            "Nothing was run. Who held it was not seen in time."
        )


def test_what_was_seen_long_before_is_not_told_of_the_last_lock(target: Target) -> None:
    """The statement may have got that lock, and waited in vain for another's.

    Nor is a wait told that has not lasted as long as one that is given up.
    """
    watch = LockWatch(target, 1)
    for ago, pid in ((9.0, 7), (3.0, 8)):
        blocker = Blocker(pid, "active", "", 1.0)
        watch._last = Wait(1500.0, (blocker,), monotonic() - ago)
        assert watch.holder(2.0) == "who held it was not seen in time"
    blockers = (Blocker(9, "active", "", 5.0),)
    watch._last = Wait(300.0, blockers, monotonic() + 3600)
    assert watch.holder(2.0) == "who held it was not seen in time"
    watch._last = Wait(4_000_000.0, blockers, monotonic() + 3600)
    assert watch.holder(2.0) == "it was held by session 9 (active, its transaction open for 5.0 s)"


def test_a_holder_of_another_role_is_no_prepared_transaction(
    target: Target, watcher: SyncConnection
) -> None:
    """Its state is hidden from others, and what is open since when."""
    watcher.execute("CREATE ROLE sees_little LOGIN; GRANT SELECT ON t TO sees_little")
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE t")
        pid = other.fetchval("SELECT pg_backend_pid()")
        detail = refused_by_a_lock(replace(target, user="sees_little"), f"session {pid}")
    watcher.execute("DROP OWNED BY sees_little; DROP ROLE sees_little")
    assert f"It was held by session {pid} (dbtool, of another role)." in detail


@pytest.mark.parametrize(
    ("held", "asked", "sql"),
    [("SELECT FROM t LIMIT 1", "LOCK TABLE t", "SELECT * FROM t"), (_CHANGE, _CHANGE, _CHANGE)],
    ids=["the table", "a row"],
)
def test_who_only_stands_before_in_the_queue_holds_nothing(
    target: Target, held: str, asked: str, sql: str
) -> None:
    """All wait behind the first that waits for the table, or for the row that another changed."""
    with SyncConnection(target) as holder:
        root = holder.fetchval("SELECT pg_backend_pid()")
        holder.execute(f"BEGIN; {held}")
        with asking(target, holder, "SELECT 1", asked) as pid:
            detail = refused_by_a_lock(target, f"session {pid}", sql, writes=sql == _CHANGE)
    assert f"It was queued behind session {pid} (" in detail
    assert f"; session {pid} waited for session {root} (" in detail
    assert "held by" not in detail


def test_who_holds_and_waits_for_more_holds(target: Target) -> None:
    """What it has is in the way of writers, whatever it asks for."""
    with SyncConnection(target) as reader:
        root = reader.fetchval("SELECT pg_backend_pid()")
        reader.execute("BEGIN; SELECT FROM t LIMIT 1")
        with asking(target, reader, "LOCK TABLE t IN SHARE MODE", "LOCK TABLE t") as pid:
            detail = refused_by_a_lock(target, f"session {pid}", _CHANGE, writes=True)
    assert f"It was held by session {pid} (" in detail
    assert f"; session {pid} waited for session {root} (" in detail


@pytest.mark.parametrize("how", [{"parameters": ("7",)}, {"generic": True}])
def test_who_holds_it_is_seen_while_types_are_asked_for(
    target: Target, how: dict[str, Any]
) -> None:
    """Where values are given or left open the statement first waits to be prepared."""
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE t")
        pid = other.fetchval("SELECT pg_backend_pid()")
        sql = "SELECT * FROM t WHERE id = $1"
        assert f"It was held by session {pid} (" in refused_by_a_lock(
            target, f"session {pid}", sql, **how
        )


def test_nobody_is_named_for_a_lock_that_was_not_waited_for(
    target: Target, watcher: SyncConnection
) -> None:
    """With NOWAIT the last lock seen to be waited for is one that the statement got."""
    watcher.execute("""
        CREATE TABLE waited_for (); CREATE TABLE refused ();
        CREATE FUNCTION locks_both() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
          LOCK TABLE waited_for IN ACCESS SHARE MODE;
          PERFORM pg_sleep(1.4);
          LOCK TABLE refused IN ACCESS SHARE MODE NOWAIT;
          RETURN 1;
        END $$
    """)
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE refused")
        for _ in range(10):
            detail = with_a_lock_let_go(target, "waited_for", "SELECT locks_both()")
            # A machine that stalls keeps the first lock for longer than is waited for it.
            if "could not obtain lock" in detail:
                break
    watcher.execute("DROP TABLE waited_for, refused; DROP FUNCTION locks_both")
    assert detail == 'could not obtain lock on relation "refused". Nothing was run.'


def test_nobody_is_named_for_another_lock_than_the_last(
    target: Target, watcher: SyncConnection
) -> None:
    """The statement got the one it was seen to wait for, and waited too short a time since."""
    watcher.execute("""
        CREATE TABLE waited_for (); CREATE TABLE refused ();
        CREATE FUNCTION locks_both() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
          PERFORM set_config('lock_timeout', '60s', true);
          LOCK TABLE waited_for IN ACCESS SHARE MODE;
          PERFORM pg_sleep(1.4);
          PERFORM set_config('lock_timeout', '50ms', true);
          LOCK TABLE refused IN ACCESS SHARE MODE;
          RETURN 1;
        END $$
    """)
    with SyncConnection(target) as other:
        other.execute("BEGIN; LOCK TABLE refused")
        detail = with_a_lock_let_go(target, "waited_for", "SELECT locks_both()")
    watcher.execute("DROP TABLE waited_for, refused; DROP FUNCTION locks_both")
    assert "held by" not in detail


def with_a_lock_let_go(target: Target, table: str, sql: str) -> str:
    """What is told where the statement has waited for one table, and got it."""
    waited = "SELECT max(clock_timestamp() - waitstart) > interval '0.8 s' FROM pg_locks"
    over = threading.Event()
    with SyncConnection(target) as holder:
        holder.execute(f"BEGIN; LOCK TABLE {table}")

        def release() -> None:
            while not (over.is_set() or holder.fetchval(waited)):
                time.sleep(0.02)
            holder.execute("ROLLBACK")

        thread = threading.Thread(target=release)
        thread.start()
        try:
            return fails(target, sql, yes=True).detail
        finally:
            over.set()
            thread.join()


def test_a_wait_is_told_of_the_statement_that_waited(target: Target) -> None:
    """The first waits to be planned and is then not run; the second waits for nobody."""
    with SyncConnection(target) as other:
        waited = "SELECT max(clock_timestamp() - waitstart) > interval '0.8 s' FROM pg_locks"
        other.execute("BEGIN; LOCK TABLE t")
        over = threading.Event()

        def release() -> None:
            while not (over.is_set() or other.fetchval(waited)):
                time.sleep(0.02)
            other.execute("ROLLBACK")

        thread = threading.Thread(target=release)
        thread.start()
        try:
            # A machine that stalls keeps the lock for longer than is waited for it.
            with suppress(LockNotObtained):
                dear = "SELECT count(*) FROM t a, t b, t c, t d, t e"
                first, second = explain(target, f"{dear}; SELECT 1").statements
                assert first.times is None
                assert not any(each.rule == "waited-for-lock" for each in second.findings)
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        ("SELECT * FROM tt", 'relation "tt" does not exist', "Did you mean t?"),
        (
            "SELECT * FROM nothing_like_it",
            'relation "nothing_like_it" does not exist',
            "Is it in another schema or database?",
        ),
        ("SELECT nope FROM t", 'column "nope" does not exist', ""),
        ("SELECT nope(1)", "function nope(integer) does not exist", None),
        ("SELECT FROM FROM t", 'syntax error at or near "FROM" (line 1, column 13)', ""),
        (
            "SELECT * FROM t WHERE id = $1 AND v = $2",
            "the statement has 2 parameters, none given",
            "Add --param … --param …",
        ),
        ("  -- nothing\n", "there is no statement to explain", None),
        ("", "there is no statement to explain", None),
    ],
)
def test_bad_input(target: Target, sql: str, message: str, hint: str | None) -> None:
    """Each mistake has its message and its next step."""
    error = fails(target, sql)
    assert isinstance(error, UsageError)
    assert error.message == message
    assert hint is None or error.hint == hint


def test_server_errors_point_into_the_statement(target: Target) -> None:
    """The place counts from the user's text, not from what stands before it."""
    error = fails(target, "SELECT 1;\n\nSELECT id,\n  nope\nFROM t")
    assert error.detail == "LINE 4:   nope\n          ^"


def test_missing_rights_are_named(target: Target, watcher: SyncConnection) -> None:
    """The server's own words and what explaining takes; SELECT on the table is enough."""
    watcher.execute("DROP ROLE IF EXISTS explain_nobody")
    watcher.execute("CREATE ROLE explain_nobody LOGIN")
    nobody = replace(target, user="explain_nobody")
    error = fails(nobody, "SELECT * FROM t")
    watcher.execute("GRANT SELECT ON t TO explain_nobody")
    granted = explain(nobody, "SELECT * FROM t")
    watcher.execute("DROP OWNED BY explain_nobody; DROP ROLE explain_nobody")
    assert granted.statements[0].times is not None
    assert isinstance(error, OperationError)
    assert error.message == "permission denied for table t"
    assert error.hint == "Explaining takes the rights the statement itself takes."


def test_parameters_are_bound_with_the_types_the_server_infers(target: Target) -> None:
    """The plan is the one a driver's bound value gets."""
    for sql in ("SELECT * FROM t WHERE id = $1", "SELECT * FROM t WHERE id = :id"):
        values = ("id=7",) if ":" in sql else ("7",)
        (examined,) = explain(target, sql, how=How(parameters=values)).statements
        assert examined.plan.root.text("Index Cond") == "(t.id = 7)"
    (examined,) = explain(
        target,
        "SELECT * FROM t WHERE id = ANY(%s) AND v <> %s AND v IS DISTINCT FROM %s",
        how=How(parameters=("{1,2}", "it's \\", "NULL")),
    ).statements
    assert examined.plan.root.rows == 2


def test_ending_the_backend_is_told(target: Target, watcher: SyncConnection) -> None:
    """A connection that dies under us is a connection error, with what the server said."""

    async def run() -> Explained:
        running = asyncio.to_thread(explain, target, "SELECT pg_sleep(20)")
        task = asyncio.ensure_future(running)
        end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE $1"
        while not await asyncio.to_thread(watcher.fetchval, end, "%pg_sleep(20)%"):
            await asyncio.sleep(0.02)
        return await task

    with pytest.raises(ConnectError, match="the server ended the connection"):
        asyncio.run(run())


def test_an_interrupt_cancels_on_the_server(target: Target, watcher: SyncConnection) -> None:
    """Ctrl-C while the statement runs leaves nothing running."""

    def interrupt() -> None:
        while not sleeping(watcher, 21):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted):
        explain(target, "SELECT pg_sleep(21)")
    assert sleeping(watcher, 21) == 0
