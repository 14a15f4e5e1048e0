"""What follows an upgrade: statistics that are useless by then, and the schema in a file."""

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import afterwards, stale
from dbtool.migrate.afterwards import Afterwards, Wanted
from dbtool.migrate.reach import Reach
from dbtool.migrate.stale import Stale
from tests.conftest import MAJOR
from tests.migrate.conftest import Run, plain, standing_at, url
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION

FIRST, HEAD = "aaaa00000001", "aaaa00000002"
FILL = "INSERT INTO t1 SELECT n FROM generate_series(1, 1000) n"

CASES = {
    "filled": (f'op.execute("{FILL}")', "1,000 rows changed"),
    "updated": ('op.execute("UPDATE t1 SET id = id + 1")', "1,000 rows changed"),
    "rewritten": (
        'op.execute("ALTER TABLE t1 ADD r float8 DEFAULT random()")',
        "rewritten",
    ),
    "type": ('op.execute("ALTER TABLE t1 ALTER name TYPE varchar")', "the type of name changed"),
    "type, rewritten": (
        'op.execute("ALTER TABLE t1 ALTER id TYPE bigint")',
        "rewritten",
    ),
    "expression": ('op.execute("CREATE INDEX t1_up ON t1 (upper(name))")', "new: index t1_up"),
    "expression, concurrently": (
        "with op.get_context().autocommit_block():\n"
        '    op.execute("CREATE INDEX CONCURRENTLY t1_up ON t1 (upper(name))")',
        "new: index t1_up",
    ),
    "extended": (
        'op.execute("CREATE STATISTICS t1_both ON id, name FROM t1")',
        "new: statistics t1_both",
    ),
    "nothing": ('op.execute("ALTER TABLE t1 ADD c int")', None),
    "plain index": ('op.execute("CREATE INDEX t1_id ON t1 (id)")', None),
    "few rows": ('op.execute("UPDATE t1 SET id = 0 WHERE id < 10")', None),
    "emptied": ('op.execute("TRUNCATE t1")', None),
    "an empty table": ('op.execute("CREATE TABLE t9 (id int)")', None),
}


FLUSH = 'op.execute("SELECT pg_stat_force_next_flush()")' if MAJOR >= 15 else ""
"""Counts are known as soon as the transaction ends, not only once its session is gone."""


@pytest.fixture
def filled(run: Run, project: Small, watch: SyncConnection) -> Run:
    """A database at the first revision, whose table has rows and statistics."""
    table = "CREATE TABLE t1 (id int, name varchar(20))"
    project.revision(FIRST, None, f'op.execute("{table}")')
    standing_at(watch, FIRST, table)
    watch.execute("ALTER TABLE t1 SET (autovacuum_enabled = false)")
    watch.execute("INSERT INTO t1 SELECT n, 'n' FROM generate_series(1, 1000) n")
    watch.execute("ANALYZE t1")
    # Else its rows might be counted while the upgrade runs, and as rows of the upgrade.
    if MAJOR >= 15:
        watch.execute("SELECT pg_stat_force_next_flush()")
    return run


def found(run: Run, *words: str) -> list[tuple[str, str, bool]]:
    """The tables an upgrade says something of."""
    ran = run("upgrade", "--json", *words)
    assert ran.code == 0, ran
    return [
        (each["table"], each["reason"], each["analysed"])
        for each in json.loads(ran.out)["data"]["stale"]
    ]


@pytest.mark.parametrize("case", CASES)
def test_what_is_stale(filled: Run, project: Small, case: str) -> None:
    """Each kind of change is recognised by what it left, and only those."""
    up, reason = CASES[case]
    project.revision(HEAD, FIRST, f"{up}\n{FLUSH}")
    assert found(filled) == ([("t1", reason, False)] if reason else [])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("closed", [False, True])
def test_what_a_session_counted_is_waited_for(
    watch: SyncConnection, database: Target, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """A session may tell what it has changed only when it ends; one that was closed does end."""
    monkeypatch.setattr(afterwards, "_FAREWELL", 60.0)
    monkeypatch.setattr(afterwards, "_PATIENCE", 0.0 if closed else 60.0)
    looking = Afterwards(Wanted(), _before=stale.take(watch))
    with SyncConnection(database) as other:
        other.execute("BEGIN")
        other.execute(FILL)
        pid = other.fetchval("SELECT pg_backend_pid()")

        def end() -> None:
            other.execute("COMMIT")
            other.close()

        ending = threading.Timer(0.5, end)
        ending.start()
        looking.compare(watch, [pid], pid if closed else None, rows=1000)
        ending.join()
    assert looking.stale == (Stale("t1", "1,000 rows changed"),)
    assert not looking.uncounted


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_what_an_asynchronous_env_py_has_closed(database: Target, driver: str) -> None:
    """Of each driver it is known whether the connection Alembic worked on is open."""

    async def during_and_after() -> tuple[int | None, int | None]:
        engine = create_async_engine(url(database, driver), poolclass=NullPool)
        async with engine.connect() as connection:
            reach = Reach()
            driven = (await connection.get_raw_connection()).dbapi_connection
            assert driven is not None
            reach.works_on(driven, 7)
            during = reach.left
        return during, reach.left

    assert asyncio.run(during_and_after()) == (None, 7)


def test_what_env_py_has_closed(database: Target) -> None:
    """The same of a connection that is synchronous."""
    with create_engine(url(database), poolclass=NullPool).connect() as connection:
        reach = Reach()
        assert connection.connection.dbapi_connection is not None
        reach.works_on(connection.connection.dbapi_connection, 7)
        assert reach.left is None
    assert reach.left == 7


KEPT = """
import sys
from alembic import context
from sqlalchemy import create_engine

sys.kept = create_engine(context.config.get_main_option("sqlalchemy.url")).connect()
context.configure(connection=sys.kept)
with context.begin_transaction():
    context.run_migrations()
"""


def test_what_a_session_that_stays_has_changed(filled: Run, project: Small) -> None:
    """It may tell what it has counted long after the run: that is not known, and is said."""
    project.env(KEPT)
    project.revision(HEAD, FIRST, f'op.execute("{FILL}")')
    ran = filled("upgrade")
    assert ran.code == 0, ran
    assert "whether other statistics are to be refreshed is not known" in ran.out, ran
    few = 'op.execute("ALTER TABLE t1 ADD c int"); op.execute("UPDATE t1 SET c = 1 WHERE id = 1")'
    project.revision("aaaa00000003", HEAD, few)
    ran = filled("upgrade")
    assert (ran.code, "not known" in ran.out) == (0, False), ran


def test_few_rows_are_not_waited_for(
    watch: SyncConnection, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler may keep the session that env.py has closed."""
    monkeypatch.setattr(afterwards, "_FAREWELL", 600.0)
    looking = Afterwards(Wanted(), _before=stale.take(watch))
    with SyncConnection(database) as kept:
        pid = kept.fetchval("SELECT pg_backend_pid()")
        looking.compare(watch, [pid], pid, rows=3)
        assert not looking.uncounted
        looking.compare(watch, [pid], None, rows=3000)
        assert looking.uncounted


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC, PER_MIGRATION], ids=["", "async", "each"])
def test_named_or_analysed(filled: Run, project: Small, watch: SyncConnection, env: str) -> None:
    """Without --analyze the last line names them; with it each is analysed, and named too."""
    project.env(env)
    new = 'op.execute("CREATE TABLE t2 AS SELECT generate_series(1, 200) AS id")'
    project.revision(HEAD, FIRST, f'op.execute("{FILL}")\n{new}\n{FLUSH}')
    ran = filled("upgrade")
    assert ran.code == 0, ran
    assert ran.out.splitlines()[-1] == "next: ANALYZE t1, t2;"
    assert "statistics to refresh: t2 (new, with 200 rows and no statistics)" in ran.out
    assert filled("downgrade", FIRST, "--yes").code == 0
    watch.execute("DROP TABLE t2; ANALYZE t1")
    ran = filled("upgrade", "--analyze")
    assert ran.code == 0, ran
    assert "analysing t1: 1,000 rows changed" in ran.err
    assert "analysed t2 (new, with 200 rows and no statistics)" in ran.out
    assert "next:" not in ran.out
    assert watch.fetchval("SELECT reltuples FROM pg_class WHERE relname = 't2'") == 200


def test_other_schema_and_odd_names(filled: Run, project: Small, watch: SyncConnection) -> None:
    """The statement that is named can be pasted."""
    watch.execute('CREATE SCHEMA "My Shop"')
    new = 'CREATE TABLE \\"My Shop\\".\\"Order\\" AS SELECT generate_series(1, 200)'
    project.revision(HEAD, FIRST, f'op.execute("{new}")\n{FLUSH}')
    line = filled("upgrade").out.splitlines()[-1]
    assert line == 'next: ANALYZE "My Shop"."Order";'
    watch.execute(line.removeprefix("next: "))


IN_LINE = (
    "SELECT count(*) FROM pg_locks"
    " WHERE relation = 't1'::regclass AND mode = 'ShareUpdateExclusiveLock'"
)


def test_locked_table_fails_nothing(filled: Run, project: Small, database: Target) -> None:
    """The upgrade is done: a table that cannot be analysed now is told."""
    project.revision(HEAD, FIRST, 'op.execute("CREATE INDEX t1_up ON t1 (upper(name))")')
    hold = "def verify(connection):\n    import threading, app.hold\n    app.hold.begin()\n"
    path = project.root / f"migrations/versions/{HEAD}.py"
    path.write_text(path.read_text() + hold)
    project.write(
        "app/hold.py",
        f"""
        import threading, time, psycopg
        def begin():
            threading.Thread(target=lock, daemon=True).start()
            with psycopg.connect({plain(database)!r}, autocommit=True) as looking:
                while not looking.execute({IN_LINE!r}).fetchone()[0]:
                    time.sleep(0.01)
        def lock():
            global held
            held = psycopg.connect({plain(database)!r})
            held.execute("LOCK TABLE t1 IN SHARE UPDATE EXCLUSIVE MODE")
        """,
    )
    ran = filled("upgrade", "--analyze", "--lock-timeout", "500ms")
    assert ran.code == 0, ran
    assert "info: t1 was not analysed: canceling statement due to lock timeout" in ran.err
    assert ran.out.splitlines()[-1] == "next: ANALYZE t1;"


def test_snapshot_takes_no_lock(filled: Run, watch: SyncConnection, database: Target) -> None:
    """Looking at the tables waits for nobody."""
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1")
        watch.execute("SET lock_timeout = '1s'")
        assert stale.take(watch).relations


def test_dump(run: Run, project: Small, tmp_path: Path) -> None:
    """The file is the same each time, also where nothing is pending, and has only the schema."""
    project.revision(HEAD, "aaaa00000001", 'op.execute("CREATE TABLE t2 (id int)")')
    files = [tmp_path / "one.sql", tmp_path / "two.sql"]
    for file in files:
        ran = run("upgrade", "--dump-schema", str(file))
        assert ran.code == 0, ran
    first, second = (file.read_text() for file in files)
    assert first == second
    assert "CREATE TABLE public.t2 (\n    id integer\n);\n" in first
    assert first.startswith("--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n")
    assert first.endswith("--\n-- PostgreSQL database dump complete\n--\n")
    assert "restrict" not in first
    assert "Dumped" not in first
    assert "OWNER" not in first


def test_dump_keeps_bodies(run: Run, project: Small, tmp_path: Path) -> None:
    """What looks like a line of pg_dump's own inside a function stays."""
    body = "\\n".join(["BEGIN", *["-- Dumped by pg_dump version x", "", ""] * 3, "END"])
    create = f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
    project.revision(
        HEAD,
        FIRST,
        f'op.execute("{create}")\n'
        + "\n".join(f'op.execute("CREATE TABLE x{n} (id int)")' for n in range(5)),
    )
    file = tmp_path / "schema.sql"
    assert run("upgrade", "--dump-schema", str(file)).code == 0
    assert file.read_text().count("-- Dumped by pg_dump version x\n\n\n") == 3


def test_dump_relative_to_where_the_user_is(run: Run, project: Small) -> None:
    """The file is written where the user stands, also from a directory below the project."""
    below = project.root / "below"
    below.mkdir()
    assert run("upgrade", "--dump-schema", "schema.sql", cwd=below).code == 0
    assert (below / "schema.sql").exists()


def test_without_pg_dump_nothing_runs(
    run: Run, project: Small, watch: SyncConnection, tmp_path: Path
) -> None:
    """A pg_dump that is missing or too old is an error before the first revision."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, said in (("postgres", "postgres"), ("initdb", "initdb"), ("pg_dump", "pg_dump")):
        program = programs / name
        program.write_text(f"#!/bin/sh\necho '{said} (PostgreSQL) 9.6'\n")
        program.chmod(0o755)
    file = tmp_path / "schema.sql"
    code = (
        "import dbtool.scratch.binaries as b, pathlib, sys\n"
        f"b._candidates = lambda: iter([(pathlib.Path({str(programs)!r}), 'system')])\n"
        "from dbtool.__main__ import main\n"
        "main()\n"
    )
    project.write("sitecustomize.py", code.rsplit("from", 1)[0])
    env = {"PYTHONPATH": str(project.root), "PATH": f"{programs}:/bin"}
    ran = run("upgrade", "--dump-schema", str(file), env=env)
    assert ran.code == 2, ran
    assert "there is no pg_dump of PostgreSQL" in ran.err
    assert watch.fetchval("SELECT to_regclass('t1') IS NULL")
    assert not file.exists()


def test_dump_that_fails(run: Run, watch: SyncConnection, tmp_path: Path, database: Target) -> None:
    """Where pg_dump fails the upgrade is done, which is said, and the old file stays."""
    file = tmp_path / "schema.sql"
    file.write_text("old")
    watch.execute(
        "CREATE ROLE deploy LOGIN; CREATE TABLE secret (); GRANT CREATE ON SCHEMA public TO deploy"
    )
    try:
        url = plain(database).replace("postgres@", "deploy@", 1)
        ran = run("--url", url, "upgrade", "-y", "--dump-schema", str(file))
        assert ran.code == 4, ran
        assert "could not be written: pg_dump failed" in ran.err
        assert "permission denied for table secret" in ran.err
        assert "The upgrade itself is done." in ran.err
        assert file.read_text() == "old"
        assert watch.fetchval("SELECT version_num FROM alembic_version") == HEAD
    finally:
        watch.execute("DROP OWNED BY deploy; DROP ROLE deploy")


@pytest.mark.parametrize("name", ["nowhere/schema.sql", "."])
def test_file_that_cannot_be_written(run: Run, watch: SyncConnection, name: str) -> None:
    """It is refused before anything runs."""
    ran = run("upgrade", "--dump-schema", name)
    assert ran.code == 2, ran
    assert f'cannot write "{name}"' in ran.err
    assert watch.fetchval("SELECT to_regclass('t1') IS NULL")


@pytest.mark.parametrize("instead", ["--plan", "--sql", "--schemas=x"])
def test_only_after_an_upgrade_of_one_database(run: Run, instead: str) -> None:
    """Where nothing runs, or much does, the options are a mistake."""
    ran = run("upgrade", instead, "--analyze", "--dump-schema", os.devnull)
    assert ran.code == 2, ran
    shown = "a fleet" if instead == "--schemas=x" else instead
    assert f"--analyze and --dump-schema cannot be combined with {shown}" in ran.err
