"""`dbtool status`: where a database is and what an upgrade would meet, on a real server."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from textwrap import dedent

import pytest
from asyncpg.exceptions import QueryCanceledError, UniqueViolationError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.effects import Catalogue
from dbtool.migrate.lock import RUN, WORK, number
from tests.conftest import Ran
from tests.health.waiting import waiting
from tests.migrate.conftest import Run, at_rest
from tests.migrate.projects import FROM_CONFIG, Small
from tests.processes import eventually

COMPUTED = FROM_CONFIG.replace(
    "configure(connection=connection)",
    'configure(connection=connection, version_table="alembic" + "_version")',
)


def masked(ran: Ran, database: Target) -> str:
    """The report without the name of the database, which differs from run to run."""
    return ran.out.replace(database.shown, "DB").replace(" \n", "\n")


def lines(ran: Ran) -> list[str]:
    """The words of each line."""
    return [" ".join(line.split()) for line in ran.out.splitlines() if line.strip()]


@pytest.mark.parametrize("env", [FROM_CONFIG, COMPUTED])
def test_empty_database(run: Run, project: Small, database: Target, env: str) -> None:
    """Nothing is recorded, everything is pending, nothing stands in the way."""
    project.env(env)
    assert masked(run("status"), database) == dedent(
        """\
        DB records no revision; 2 revisions pending, up to aaaa00000002

        recorded           no revision, in public.alembic_version
        pending            2 revisions
        other runs         none
        open transactions  none that idles or runs for long
        invalid indexes    none
        endpoint           direct

        pending
        revision      message
        aaaa00000001  aaaa00000001 does something.
        aaaa00000002  aaaa00000002 does something.

        next: dbtool upgrade
        """
    )


@pytest.mark.parametrize("env", [FROM_CONFIG, COMPUTED])
def test_nothing_pending(
    run: Run, project: Small, database: Target, watch: SyncConnection, env: str
) -> None:
    """The first line says that there is nothing to do."""
    project.env(env)
    assert run("upgrade", "-y").code == 0
    assert eventually(lambda: at_rest(watch))
    found = run("status", "--check-heads")
    headline = f"{database.shown} is at aaaa00000002; nothing is pending"
    assert (found.code, found.out.splitlines()[0]) == (0, headline)


def test_pending_fails_only_where_that_is_asked(run: Run) -> None:
    """Before a deploy pending revisions are what one expects."""
    assert [run("status").code, run("status", "--check-heads").code] == [0, 1]
    assert run("status", "--check-heads", "--fail-on", "never").code == 0


def test_another_run(run: Run, database: Target) -> None:
    """Whoever holds the lock of the version table is named, and what the run works with."""
    with SyncConnection(database, application_name="deploy 7") as other:
        key = number("public.alembic_version")
        other.fetchval("SELECT pg_advisory_lock($1, $2)", RUN, key)
        pid = other.fetchval("SELECT pg_backend_pid()")
        with SyncConnection(database, application_name="dbtool revision x") as works:
            works.fetchval("SELECT pg_advisory_lock_shared($1, $2)", WORK, key)
            found = lines(run("status"))
    assert found[0].endswith("pending, up to aaaa00000002; another run is at work")
    assert found[3].startswith(f"other runs pid {pid} (deploy 7, for ")
    assert "(dbtool revision x, for " in found[3]
    assert "left behind" not in found[3]


@pytest.mark.parametrize(
    ("application", "lock", "said"),
    [
        ("dbtool migrations", RUN, "another run is at work"),
        ("deploy 7", RUN, "the migration lock is held by pid {pid} (deploy 7, role postgres, for "),
        (
            "dbtool revision x",
            WORK,
            "the migration lock is held by pid {pid} (dbtool revision x, role postgres, for ",
        ),
    ],
)
def test_a_run_is_at_work_where_its_name_proves_it(
    run: Run, database: Target, application: str, lock: int, said: str
) -> None:
    """Of another holder of its lock, and of what a run has left, no more is said than is known."""
    with SyncConnection(database, application_name=application) as other:
        key = number("public.alembic_version")
        other.fetchval("SELECT pg_advisory_lock_shared($1, $2)", lock, key)
        pid = other.fetchval("SELECT pg_backend_pid()")
        headline = lines(run("status"))[0]
        (found,) = json.loads(run("status", "--json").out)["data"]["surroundings"]["runs"]
    assert headline.partition("up to aaaa00000002; ")[2].startswith(said.format(pid=pid))
    assert (found["pid"], found["role"], found["leads"]) == (pid, "postgres", lock == RUN)


def test_what_would_block(run: Run, database: Target) -> None:
    """Transactions that hold locks, those that idle first, and what a failed build left."""
    with SyncConnection(database, application_name="app") as idle:
        idle.execute("CREATE TABLE t (a int)")
        idle.execute("INSERT INTO t VALUES (1), (1)")
        with pytest.raises(UniqueViolationError):
            idle.execute("CREATE UNIQUE INDEX CONCURRENTLY unusable ON t (a)")
        idle.execute("BEGIN; SELECT * FROM t")
        found = json.loads(run("status", "--json").out)["data"]["surroundings"]
        shown = lines(run("status"))
    (transaction,) = found["transactions"]
    assert transaction.pop("seconds") > 0
    assert transaction == {
        "pid": transaction["pid"],
        "application": "app",
        "role": "postgres",
        "state": "idle in transaction",
        "tables": ["t"],
        "schemas": ["public"],
        "prepared": "",
    }
    assert found["invalid_indexes"] == [
        {
            "name": "unusable",
            "on_table": "t",
            "built_by": None,
            "perhaps_by": None,
            "kind": "index",
            "ready": False,
        }
    ]
    assert shown[0].endswith("; 1 open transaction may hold it up")
    assert "unusable t left behind by a build that failed" in shown


@pytest.mark.parametrize(
    "statement", ["REINDEX TABLE CONCURRENTLY t", "DROP INDEX CONCURRENTLY one"]
)
def test_an_index_that_somebody_works_on(run: Run, database: Target, statement: str) -> None:
    """No copy is left behind while REINDEX goes on, nor is an index that is being dropped."""
    with SyncConnection(database) as admin, SyncConnection(database) as writer:
        admin.execute(
            "CREATE TABLE t (a int); CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)"
        )
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        with waiting(database, statement) as pid:
            found = json.loads(run("status", "--json").out)["data"]["surroundings"]
            shown = run("status").out
            copies = Catalogue(admin, str).copies_of_index("public", "one")
    assert {each["built_by"] for each in found["invalid_indexes"]} == {pid}
    assert "left behind" not in shown
    assert "DROP INDEX" not in shown
    assert copies == []


def test_an_index_that_another_role_may_be_building(run: Run, database: Target) -> None:
    """A plain role is not told that a build which goes on has failed."""
    with SyncConnection(database) as admin, SyncConnection(database) as writer:
        admin.execute("CREATE ROLE status_plain LOGIN; CREATE TABLE t (a int)")
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        url = replace(database, user="status_plain").sqlalchemy_url()
        with waiting(database, "CREATE INDEX CONCURRENTLY anew ON t (a)") as pid:
            during = lines(run("status", "--url", url))
            seen = lines(run("status"))
        after = lines(run("status", "--url", url))
        admin.execute("DROP ROLE status_plain")
    assert f"anew t perhaps built by pid {pid}: pg_monitor may see it" in during
    assert f"anew t pid {pid} is at it" in seen
    assert "anew t left behind by a build that failed" in after


def test_an_index_that_is_half_dropped(run: Run, database: Target, watch: SyncConnection) -> None:
    """An interrupted DROP is named with what ends it; early on it may be a build that failed."""
    watch.execute(
        'CREATE TABLE t (a int); CREATE INDEX early ON t (a); CREATE INDEX "of t" ON t (a)'
    )
    live = "SELECT indislive FROM pg_index WHERE indexrelid = '\"of t\"'::regclass"
    with SyncConnection(database) as before, SyncConnection(database) as after:
        before.execute("BEGIN; SELECT * FROM t")
        with waiting(database, "DROP INDEX CONCURRENTLY early"):
            pass
        with waiting(database, 'DROP INDEX CONCURRENTLY "of t"') as pid:
            after.execute("BEGIN; SELECT * FROM t")
            before.execute("COMMIT")
            assert eventually(lambda: watch.fetchval(live) is False)
            during = run("status")
    left = lines(run("status"))
    assert f'"of t" t pid {pid} is at it' in lines(during)
    assert "DROP INDEX CONCURRENTLY" not in during.out
    assert '"of t" t left behind by DROP INDEX CONCURRENTLY, which was interrupted' in left
    assert "early t left behind by a build that failed, or a drop that was interrupted" in left
    assert left[-1] == 'DROP INDEX CONCURRENTLY "of t";'
    watch.execute(left[-1])
    assert "of t" not in run("status").out


def test_a_partition_that_is_half_detached(
    run: Run, database: Target, watch: SyncConnection
) -> None:
    """What an interrupted DETACH CONCURRENTLY has left is named with what ends it, and ends it."""
    names = 'CREATE SCHEMA "old; data"', "CREATE TABLE v (id int) PARTITION BY LIST (id)"
    part = 'CREATE TABLE "old; data"."of 7" PARTITION OF v FOR VALUES IN (7)'
    detach = 'ALTER TABLE v DETACH PARTITION "old; data"."of 7"'
    for each in (*names, part):
        watch.execute(each)
    with SyncConnection(database) as reader, SyncConnection(database) as detaching:
        reader.execute("BEGIN; SELECT * FROM v")
        pid = detaching.fetchval("SELECT pg_backend_pid()")
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(detaching.execute, f"{detach} CONCURRENTLY")
            assert eventually(
                lambda: (
                    watch.fetchval("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1
                )
            )
            during = run("status")
            watch.fetchval("SELECT pg_cancel_backend($1)", pid)
            assert isinstance(ended.exception(), QueryCanceledError)
        left = run("status")
    assert f'"old; data"."of 7" v being detached by pid {pid}' in lines(during)
    assert "FINALIZE" not in during.out
    assert lines(left)[-1] == f"{detach} FINALIZE;"
    assert (
        '"old; data"."of 7" v left behind by DETACH CONCURRENTLY, which was interrupted'
        in lines(left)
    )
    assert "detach pending 1 partition" in lines(left)
    watch.execute(lines(left)[-1])
    assert "detach" not in run("status").out


def test_a_head_that_is_recorded(run: Run, project: Small, watch: SyncConnection) -> None:
    """Of several heads those are named that an upgrade leads to."""
    project.revision("bbbb00000002", "aaaa00000001")
    assert run("upgrade", "aaaa00000002").code == 0
    assert eventually(lambda: at_rest(watch))
    for command in ("status", "current"):
        headline = run(command).out.splitlines()[0]
        assert "is at aaaa00000002" in headline
        assert headline.endswith("; 1 revision pending, up to bbbb00000002")


def test_a_short_transaction_is_not_shown(run: Run, database: Target) -> None:
    """A session that runs nothing, and one that has just begun, hold up nobody."""
    with SyncConnection(database):
        found = json.loads(run("status", "--json").out)["data"]["surroundings"]
    assert (found["transactions"], found["transaction_count"]) == ([], 0)


def test_no_orm_is_imported(run: Run) -> None:
    """Where the source of env.py says enough, neither Alembic nor SQLAlchemy is loaded."""
    for words in (("status",), ("current",)):
        found = run(*words, env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert "asyncpg" in found.err
        assert "sqlalchemy" not in found.err
        assert "alembic.script" not in found.err


def test_nothing_is_written(run: Run, tables: Callable[[], list[str]]) -> None:
    """Looking creates no version table."""
    assert run("status").code == 0
    assert tables() == []


def test_no_server(run: Run, project: Small) -> None:
    """A server that is down is an error of the connection."""
    found = run("status", "--url", "postgresql://nobody@127.0.0.1:1/none")
    assert found.code == 3
    assert found.err.startswith("error: ")
    assert os.linesep + "detail:" in found.err
