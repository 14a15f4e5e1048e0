"""Statements that write: run only where somebody agreed, measured, and taken back."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.explain.examined import Examined
from dbtool.explain.run import How, explain
from dbtool.explain.session import guarded
from dbtool.explain.view import report
from dbtool.guard import Consent, Permission
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.scratch.server import Server
from dbtool.settings.environments import Environment

_SETUP = """
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 500) g;
CREATE TABLE child (t_id int REFERENCES t ON DELETE CASCADE);
CREATE INDEX ON child (t_id);
CREATE TABLE numbered (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, c text);
CREATE TABLE told (id int);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN PERFORM pg_notify('heard', 'written'); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION dblink_exec(text) RETURNS text LANGUAGE internal VOLATILE AS 'lower';
CREATE TABLE watched (id int);
CREATE FUNCTION call_out() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN PERFORM dblink_exec('INSERT'); RETURN NULL; END $$;
CREATE TRIGGER call_out AFTER DELETE ON child FOR EACH STATEMENT EXECUTE FUNCTION call_out();
ANALYZE
"""


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A database that stays as it is, whatever is written in these tests."""
    created = server.create_database("written")
    with SyncConnection(created) as connection:
        connection.execute(_SETUP)
    yield created
    server.drop_database("written")


@pytest.fixture
def watcher(target: Target) -> Iterator[SyncConnection]:
    """Another session, before and after."""
    with SyncConnection(target) as connection:
        yield connection


AGREED = Permission(Consent(yes=True))


def run(target: Target, sql: str, permission: Permission = AGREED, runs: int = 1) -> Examined:
    """One statement, carried out and rolled back."""
    how = How(writes=True, runs=runs)
    return explain(target, sql, how=how, permission=permission).statements[0]


_CONTENT = """
SELECT (SELECT count(*) FROM t), (SELECT sum(hashtext(v)) FROM t), (SELECT count(*) FROM child),
  (SELECT count(*) FROM numbered), (SELECT count(*) FROM pg_class WHERE relname = 'new'),
  (SELECT count(*) FROM pg_locks l WHERE l.mode = 'RowExclusiveLock' AND l.relation > 16383
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


@pytest.mark.parametrize(
    ("sql", "root"),
    [
        ("INSERT INTO t SELECT g, 'n' FROM generate_series(1000, 1099) g", "ModifyTable"),
        ("INSERT INTO t VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'y'", "ModifyTable"),
        ("INSERT INTO numbered (c) VALUES ('a') RETURNING id", "ModifyTable"),
        ("UPDATE t SET v = v || 'x'", "ModifyTable"),
        ("DELETE FROM t WHERE id < 100", "ModifyTable"),
        ("MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED THEN DELETE", "ModifyTable"),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT count(*) FROM d", "Aggregate"),
        ("SELECT * FROM t WHERE id < 9 FOR UPDATE", "LockRows"),
        ("SELECT * INTO new FROM t", "Seq Scan"),
        ("CREATE TABLE new AS SELECT * FROM t", "Seq Scan"),
        ("CREATE MATERIALIZED VIEW new AS SELECT * FROM t", "Seq Scan"),
        ("EXPLAIN ANALYZE DELETE FROM t", "ModifyTable"),
    ],
)
def test_each_class_runs_and_leaves_nothing(
    target: Target, watcher: SyncConnection, sql: str, root: str
) -> None:
    """Its plan has times and WAL, and no row, table or lock stays, also of several runs."""
    before = watcher.fetchrow(_CONTENT)
    examined = run(target, sql, runs=2)
    assert examined.plan.root.kind == root
    assert examined.times is not None
    assert examined.runs is not None
    assert len(examined.runs.times_ms) == 2
    assert examined.remains
    assert watcher.fetchrow(_CONTENT) == before


def test_several_statements_start_from_the_same_state(target: Target) -> None:
    """The second does not see what the first did."""
    found = explain(
        target, "DELETE FROM t; SELECT count(*) FROM t", how=How(writes=True), permission=AGREED
    )
    assert found.statements[1].plan.nodes[1].rows == 500


@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE t",
        "CALL p()",
        "DO $$ BEGIN DELETE FROM t; END $$",
        "VACUUM t",
        "COPY t TO PROGRAM 'true'",
        "DROP TABLE t",
        "DECLARE c CURSOR FOR SELECT 1",
        "PREPARE p AS DELETE FROM t",
        "LOCK TABLE t",
    ],
)
def test_what_cannot_be_measured_stays_refused(target: Target, sql: str) -> None:
    """Consent to writing is none to anything else."""
    with pytest.raises(UsageError, match=r"the statement(?: cannot be explained)?: it is"):
        run(target, sql)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("INSERT INTO t SELECT pg_advisory_lock(1)::text::int, 'a'", "pg_advisory_lock()"),
        ("UPDATE t SET v = public.dblink_exec('x')", "public.dblink_exec()"),
        ("INSERT INTO t VALUES (setval('numbered_id_seq', 99), 'a')", "setval()"),
        ("DELETE FROM t WHERE pg_terminate_backend(id)", "pg_terminate_backend()"),
    ],
)
def test_what_a_rollback_does_not_undo_stays_refused(
    target: Target, watcher: SyncConnection, sql: str, named: str
) -> None:
    """A write may take numbers from a sequence, and nothing else that lasts."""
    with pytest.raises(UsageError) as caught:
        run(target, sql)
    assert caught.value.message == f"refused to run the statement: it calls {named}"
    assert watcher.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_what_stays_is_told(target: Target, watcher: SyncConnection) -> None:
    """Sequences move on; a trigger behind a foreign key that calls out is named."""
    inserted = run(target, "INSERT INTO numbered (c) VALUES ('a')")
    assert "sequences stay advanced: numbers are skipped" in inserted.remains
    assert watcher.fetchval("SELECT is_called FROM numbered_id_seq")
    deleted = run(target, "DELETE FROM t WHERE id = 1")
    assert deleted.remains[1:] == (
        "the trigger call_out on child names dblink_exec: what that does may stay",
    )
    assert "sequences" not in " ".join(deleted.remains)


def test_notifications_are_undone(target: Target) -> None:
    """A listener hears only what was committed."""

    async def heard() -> list[object]:
        found: list[object] = []
        connection = await connect(target)
        try:
            await connection.add_listener("heard", lambda *said: found.append(said[3]))
            await asyncio.to_thread(run, target, "INSERT INTO told VALUES (1)")
            await connection.execute("NOTIFY heard, 'by hand'")
            while not found:
                await asyncio.sleep(0.01)
        finally:
            await connection.close()
        return found

    assert asyncio.run(heard()) == ["by hand"]


def test_triggers_are_shown_with_their_times(target: Target) -> None:
    """They are no nodes, and may take longer than all of them."""
    how = How(writes=True)
    found = explain(target, "INSERT INTO told VALUES (1), (2)", how=how, permission=AGREED)
    text = render(report(found), Screen(100, color=False, drawing=False))
    lines = [line.split() for line in text.splitlines()]
    assert ["trigger", "on", "calls", "ms"] in lines
    (row,) = [line for line in lines if line[:2] == ["tell", "told"]]
    assert row[2] == "2"


def denied(target: Target, permission: Permission) -> DbtoolError:
    """The error of a write nobody agreed to as the place demands."""
    with pytest.raises(DbtoolError) as caught:
        run(target, "DELETE FROM t", permission)
    return caught.value


def test_who_has_to_agree(target: Target, watcher: SyncConnection) -> None:
    """A yes in development; elsewhere the name of the database, and the right one."""
    live = Environment("live", production=True, source="[tool.dbtool] env.live")

    def production(consent: Consent) -> Permission:
        return Permission(consent, environment=lambda _: live)

    assert "needs a yes" in denied(target, Permission()).message
    assert 'needs the name "written" typed' in denied(target, production(Consent(yes=True))).message
    wrong = denied(target, production(Consent(confirm_database="other")))
    assert wrong.message == '--confirm-database says "other", but this is "written"'
    allowed = production(Consent(confirm_database="written"))
    assert run(target, "DELETE FROM t WHERE id = 2", allowed).times is not None
    assert watcher.fetchval("SELECT count(*) FROM t") == 500


def test_a_write_that_fails_is_told(target: Target) -> None:
    """With the server's words, and rolled back."""
    with pytest.raises(OperationError, match="duplicate key value violates unique constraint"):
        run(target, "INSERT INTO t VALUES (1, 'again')")


def test_without_consent_the_server_itself_refuses(target: Target) -> None:
    """Should the parser ever miss a write, the transaction is read-only."""

    async def attempt() -> None:
        connection = await connect(target)
        try:
            async with guarded(connection, 5.0) as session:
                await session.connection.execute("DELETE FROM t")
        finally:
            await connection.close()

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        asyncio.run(attempt())
