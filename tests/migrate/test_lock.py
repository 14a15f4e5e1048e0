"""Several runs at once, runs that were killed, and a lock that is lost in the middle."""

import contextlib
import json
import os
import re
import signal
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import LockNotObtained
from dbtool.migrate.location import find
from dbtool.migrate.lock import RUN, WORK, number
from dbtool.migrate.project import Project
from dbtool.migrate.upgrade import upgrade
from dbtool.migrate.waits import Limits, Patience
from tests.migrate.conftest import Run, Start, at_rest, running, standing_at
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_broken import YES, rest
from tests.processes import eventually
from tests.projects.background import Background

HEAD = "aaaa00000002"

ASYNC = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import async_engine_from_config

def migrate(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = async_engine_from_config(context.config.get_section("alembic"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()

asyncio.run(main())
"""

PER_MIGRATION = FROM_CONFIG.replace(
    "configure(connection=connection)",
    "configure(connection=connection, transaction_per_migration=True)",
)


def leads(watch: SyncConnection) -> list[int]:
    """The sessions that hold the lock of a run."""
    rows = watch.fetch(
        "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted"
        " AND a.application_name = 'dbtool migrations' AND a.datname = current_database()"
    )
    return [row[0] for row in rows]


UNTIL_TOLD = (
    "DO 'BEGIN WHILE NOT EXISTS (SELECT FROM pg_tables WHERE tablename = $$told$$) LOOP"
    " PERFORM pg_sleep(0.02); END LOOP; END'"
)
"""Goes on when the table is there."""


def heard(run: Background) -> str:
    """What a run has said on stderr and nobody has read; waits for nothing."""
    place = run.stderr.fileno()
    os.set_blocking(place, False)
    try:
        return os.read(place, 1 << 16).decode()
    except BlockingIOError:
        return ""
    finally:
        os.set_blocking(place, True)


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC, PER_MIGRATION])
def test_three_at_once(project: Small, start: Start, watch: SyncConnection, env: str) -> None:
    """One applies, two wait, and all succeed."""
    project.env(env)
    project.revision(
        "aaaa00000001",
        None,
        f'op.execute("CREATE TABLE t1 (id int)")\nop.execute({UNTIL_TOLD!r})',
    )
    runs = [start("--json") for _ in range(3)]
    told = dict.fromkeys(runs, "")

    def waiting() -> int:
        told.update({each: said + heard(each) for each, said in told.items()})
        return sum("event=waiting-for-lock pid=" in said for said in told.values())

    assert eventually(lambda: waiting() == 2), told
    watch.execute("CREATE TABLE told ()")
    ended = [(each.communicate(), each.returncode) for each in runs]
    assert [code for _, code in ended] == [0, 0, 0]
    done = [json.loads(out)["data"] for (out, _), _ in ended]
    assert sorted(len(each["revisions"]) for each in done) == [0, 0, 2]
    waited = [each["waited"]["for_run"] for each in done if not each["revisions"]]
    assert min(waited) > 0
    assert watch.fetchval("SELECT version_num FROM alembic_version") == HEAD


def test_a_run_with_nothing_to_do_waits_for_nobody(
    run: Run, project: Small, start: Start, watch: SyncConnection
) -> None:
    """Reading commands, and an upgrade that finds itself at head, do not ask for the lock."""
    assert run("upgrade", "-y").code == 0
    project.revision("aaaa00000003", HEAD, 'op.execute("SELECT pg_sleep(60)")')
    first = start()
    assert eventually(lambda: bool(running(watch, "pg_sleep(60)")))
    assert run("upgrade", HEAD, "--wait-lock", "0").code == 0
    assert run("current").code == 0
    assert run("stamp", "aaaa00000001", "-y", "--wait-lock", "0").code == 5
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 130


def test_giving_up(run: Run, project: Small, start: Start, watch: SyncConnection) -> None:
    """Exit 5 names who is at work, when the time allowed is over."""
    project.revision(HEAD, "aaaa00000001", 'op.execute("SELECT pg_sleep(60)")')
    first = start()
    assert eventually(lambda: bool(running(watch, "pg_sleep(60)")))
    (leader,) = leads(watch)
    ran = run("upgrade", "-y", "--wait-lock", "300ms")
    assert (ran.code, ran.out) == (5, "")
    lines = ran.err.splitlines()
    holder = rf'pid={leader} holder="pid {leader} \(dbtool migrations.*"'
    assert re.fullmatch(rf"\S+Z upgrade event=waiting-for-lock {holder}", lines[0]), lines
    failed = r'event=failed seconds=[\d.]+ exit=5 error="another run is at work on this database"'
    assert re.fullmatch(rf"\S+Z upgrade {failed}", lines[1]), lines
    del lines[1]
    assert lines[1] == "error: another run is at work on this database"
    assert lines[2].startswith(f"detail: pid {leader} (dbtool migrations")
    waited = re.search(r"works on public.alembic_version; waited ([\d.]+) s", ran.err)
    assert waited is not None, ran.err
    assert float(waited[1]) >= 0.3
    assert "Nothing was run that public.alembic_version would record." in ran.err
    assert f", runs: dbtool revision {HEAD}: SELECT pg_sleep(60)) works on" in ran.err
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 130


@pytest.mark.parametrize("locks", [(RUN,), (WORK,), (RUN, WORK)], ids=["run", "work", "both"])
def test_sessions_that_just_end_are_no_run_at_work(
    project: Small, database: Target, monkeypatch: pytest.MonkeyPatch, locks: tuple[int, ...]
) -> None:
    """They get a moment also where nobody is to be waited for, and are told for what they are."""
    key = number("public.alembic_version")
    limits = Limits(wait_lock=0.0)
    with contextlib.chdir(project.root), contextlib.ExitStack() as left:
        opened = Project(find(None, None, project.root), target=database, limits=limits)
        sessions = [left.enter_context(SyncConnection(database)) for _ in locks]
        for session, lock in zip(sessions, locks, strict=True):
            session.fetchval("SELECT pg_advisory_lock($1, $2)", lock, key)
        first = sessions[0].fetchval("SELECT pg_backend_pid()")
        with pytest.raises(LockNotObtained) as refused:
            upgrade(opened, permission=YES)

        def ended(_: Patience) -> None:
            left.close()
            rest(database)

        monkeypatch.setattr(Patience, "poll", ended)
        assert len(upgrade(opened, permission=YES).revisions) == 2
    error = refused.value
    assert error.message == "a session of another run holds the lock of this database"
    assert error.detail.startswith(f"pid {first} (")
    assert ") holds the lock of public.alembic_version; waited " in error.detail
    assert "runs:" not in error.detail


def test_interrupted_while_waiting(project: Small, start: Start, watch: SyncConnection) -> None:
    """Ctrl-C ends the wait at once and leaves nothing behind."""
    project.revision(HEAD, "aaaa00000001", 'op.execute("SELECT pg_sleep(60)")')
    first = start()
    assert eventually(lambda: bool(running(watch, "pg_sleep(60)")))
    second = start()
    assert " upgrade event=waiting-for-lock pid=" in second.stderr.readline()
    second.send_signal(signal.SIGINT)
    assert second.wait(20) == 130
    assert len(leads(watch)) == 1
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 130


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC, PER_MIGRATION])
def test_lost_lock(
    run: Run, project: Small, start: Start, watch: SyncConnection, tmp_path: Path, env: str
) -> None:
    """When the session that holds the lock ends, no further revision begins."""
    project.env(env)
    project.revision("aaaa00000001", None, f"op.execute({UNTIL_TOLD!r})")
    first = start()
    assert eventually(lambda: bool(running(watch, "told")))
    (leader,) = leads(watch)
    watch.execute("SELECT pg_terminate_backend($1::int)", leader)
    assert eventually(lambda: not leads(watch))
    watch.execute("CREATE TABLE told ()")
    out, err = first.communicate(timeout=60)
    assert (first.returncode, out) == (4, "")
    assert "error: the lock that keeps other runs away was lost" in err
    assert watch.fetchval("SELECT to_regclass('t2')") is None
    assert run("upgrade", "-y").code == 0


def test_lost_lock_in_an_autocommit_block(
    project: Small, start: Start, watch: SyncConnection
) -> None:
    """Each statement that commits by itself asks first."""
    project.revision(
        HEAD,
        "aaaa00000001",
        f"""
        with op.get_context().autocommit_block():
            op.execute({UNTIL_TOLD!r})
            op.execute("CREATE TABLE after_the_loss (id int)")
        """,
    )
    first = start()
    assert eventually(lambda: bool(running(watch, "told")))
    (leader,) = leads(watch)
    watch.execute("SELECT pg_terminate_backend($1::int)", leader)
    assert eventually(lambda: not leads(watch))
    watch.execute("CREATE TABLE told ()")
    _, err = first.communicate(timeout=60)
    assert first.returncode == 4
    assert "error: the lock that keeps other runs away was lost" in err
    assert "had left its transaction (autocommit_block)" in err
    assert watch.fetchval("SELECT to_regclass('after_the_loss')") is None


PAUSE = "SELECT pg_sleep(current_setting('test.pause')::float)"
TRANSACTIONAL = f"""
op.execute("CREATE TABLE late (id int)")
op.execute("{PAUSE}")
"""

IN_BLOCK = f"""
with op.get_context().autocommit_block():
    op.execute("{PAUSE}")
    op.execute("CREATE TABLE IF NOT EXISTS late (id int)")
"""


def preset(watch: SyncConnection, name: str, value: str) -> None:
    """What a setting is for the sessions that begin in this database from now on."""
    database = watch.fetchval("SELECT current_database()")
    watch.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")


def killed(run: Background, watch: SyncConnection) -> None:
    """Kill a run, and wait until only its statement is left of it on the server."""
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert eventually(lambda: not leads(watch))


@pytest.mark.parametrize("up", [TRANSACTIONAL, IN_BLOCK])
@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC])
def test_killed_in_a_revision(
    project: Small, start: Start, watch: SyncConnection, up: str, env: str
) -> None:
    """What a killed run left on the server ends before the next one begins."""
    project.env(env)
    project.revision(HEAD, "aaaa00000001", up)
    preset(watch, "client_connection_check_interval", "10min")
    preset(watch, "test.pause", "600")
    first = start()
    assert eventually(lambda: bool(running(watch, "test.pause", at="Timeout")))
    killed(first, watch)
    (orphan,) = running(watch, "test.pause")
    preset(watch, "test.pause", "0")
    second = start()
    said = second.stderr.readline()
    assert f" upgrade event=waiting-for-lock pid={orphan} " in said
    assert "left behind by a run that has ended" in said
    watch.execute("SELECT pg_terminate_backend($1::int)", orphan)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert watch.fetchval("SELECT version_num FROM alembic_version") == HEAD
    assert watch.fetchval("SELECT count(*) FROM late") == 0


def test_killed_while_it_writes_rows_that_commit_by_themselves(
    run: Run, project: Small, start: Start, watch: SyncConnection
) -> None:
    """Nobody knows whether they were written: the next run says how to go on."""
    standing_at(watch, "aaaa00000001")
    rows = PAUSE.replace("SELECT", "INSERT INTO t1 SELECT 7 FROM")
    project.revision(HEAD, "aaaa00000001", IN_BLOCK.replace(PAUSE, rows))
    preset(watch, "client_connection_check_interval", "10min")
    preset(watch, "test.pause", "600")
    first = start()
    assert eventually(lambda: bool(running(watch, "test.pause", at="Timeout")))
    killed(first, watch)
    (orphan,) = running(watch, "test.pause")
    watch.execute("SELECT pg_terminate_backend($1::int)", orphan)
    assert eventually(lambda: at_rest(watch))
    ran = run("upgrade", "-y")
    assert ran.code == 4, ran
    assert f"revision {HEAD} is half applied, and only you can say how to go on" in ran.err
    assert "begun, and perhaps done: INSERT INTO t1 SELECT 7" in ran.err
    assert "--resume rerun runs all of it again" in ran.err
    assert watch.fetchval("SELECT to_regclass('late') IS NULL")


def test_killed_in_a_concurrent_build(
    project: Small, start: Start, watch: SyncConnection, database: Target
) -> None:
    """The build a killed run left on the server is waited for too."""
    project.revision(
        HEAD,
        "aaaa00000001",
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS t1_id ON t1 (id)")
        """,
    )
    preset(watch, "client_connection_check_interval", "10min")
    with SyncConnection(database) as reader:
        standing_at(watch, "aaaa00000001")
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t1")
        first = start()
        assert eventually(lambda: bool(running(watch, "CREATE INDEX CONCURRENTLY", at="Lock")))
        killed(first, watch)
        second = start()
        assert "left behind by a run that has ended" in second.stderr.readline()
        reader.execute("COMMIT")
    assert second.wait(60) == 0
    assert watch.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 't1_id'::regclass")


def test_projects_with_version_tables_of_their_own(
    run: Run, project: Small, start: Start, watch: SyncConnection
) -> None:
    """Two applications may migrate one database at the same time."""
    project.revision(HEAD, "aaaa00000001", 'op.execute("SELECT pg_sleep(60)")')
    first = start()
    assert eventually(lambda: bool(running(watch, "pg_sleep(60)")))
    own = 'configure(connection=connection, version_table="other")'
    project.env(FROM_CONFIG.replace("configure(connection=connection)", own))
    project.revision(HEAD, "aaaa00000001", 'op.execute("CREATE TABLE u2 (id int)")')
    project.revision("aaaa00000001", None, 'op.execute("CREATE TABLE u1 (id int)")')
    assert run("upgrade", "-y", "--wait-lock", "0").code == 0
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 130
