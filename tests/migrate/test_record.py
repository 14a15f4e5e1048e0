"""What a run says of each revision: to others while it runs, and in its JSON record."""

import json
import sys
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.migrate.conftest import Run, Start, running, standing_at
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION
from tests.migrate.test_resume import AUTOCOMMIT, BROKEN
from tests.processes import eventually

FIRST, HEAD = "aaaa00000001", "aaaa00000002"
FILLS = """
op.execute("CREATE TABLE t2 (id int)")
op.execute("INSERT INTO t2 SELECT generate_series(1, 5)")
op.execute("UPDATE t2 SET id = id + 10 WHERE id > 2")
op.execute("DELETE FROM t2 WHERE id = 1")
op.get_bind().execute(sa.text("SELECT * FROM t2")).fetchall()
"""


def revisions(run: Run, *words: str) -> list[dict[str, Any]]:
    """What the record says of the revisions of a run."""
    ran = run(*words, "--json")
    assert ran.code == 0, ran
    found: list[dict[str, Any]] = json.loads(ran.out)["data"]["revisions"]
    return found


@pytest.mark.parametrize(
    "env", [FROM_CONFIG, ASYNC, PER_MIGRATION, AUTOCOMMIT], ids=["", "async", "each", "auto"]
)
def test_statements_and_rows(run: Run, project: Small, env: str) -> None:
    """Statements are counted without Alembic's own, rows where they were changed."""
    project.env(env)
    project.revision(HEAD, FIRST, FILLS, 'op.execute("DELETE FROM t2")')
    first, second = revisions(run, "upgrade")
    assert (first["statements"], first["rows"], first["attempts"]) == (1, 0, 1)
    assert (second["statements"], second["rows"], second["attempts"]) == (5, 9, 1)
    assert second["at_locks"] == 0
    assert 0 < second["seconds"] < 30
    (undone,) = revisions(run, "downgrade", "-1", "--yes")
    assert (undone["statements"], undone["rows"]) == (1, 4)


NAMED = "op.execute(\"CREATE TABLE {} AS SELECT current_setting('application_name') AS name\")"


@pytest.mark.parametrize(
    "env", [FROM_CONFIG, ASYNC, PER_MIGRATION, AUTOCOMMIT], ids=["", "async", "each", "auto"]
)
def test_session_is_named_after_its_revision(
    run: Run, project: Small, watch: SyncConnection, env: str
) -> None:
    """Upwards and back, whichever statement recorded the revision before."""
    project.env(env)
    down, revisions = None, [FIRST, HEAD, "aaaa00000003", "odd id", "aaaa00000005"]
    for number, each in enumerate(revisions):
        up, back = NAMED.format(f"up{number}"), NAMED.format(f"back{number}")
        project.revision(each, down, up, back)
        down = each
    assert run("upgrade", "-y").code == run("downgrade", "base", "-y").code == 0
    names = [
        [watch.fetchval(f"SELECT name FROM {way}{number}") for number in range(5)]
        for way in ("up", "back")
    ]
    expected = [f"dbtool revision {each}" for each in revisions]
    expected[3] = "dbtool revisions"
    assert names == [expected, expected]


def test_a_name_of_the_team_stays(run: Run, project: Small, watch: SyncConnection) -> None:
    """Who names the sessions of a deploy looks for that name."""
    project.env(
        FROM_CONFIG.replace("poolclass", "connect_args=dict(application_name='x'), poolclass")
    )
    project.revision(FIRST, None, NAMED.format("up"))
    assert run("upgrade", "-y").code == 0
    assert watch.fetchval("SELECT name FROM up") == "x"


@pytest.mark.skipif(sys.platform != "linux", reason="other servers cannot look at a connection")
def test_the_server_looks_for_a_client_that_was_killed(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """In the middle of a statement too; what the team has set stays."""
    asked = NAMED.replace("application_name", "client_connection_check_interval")
    project.revision(FIRST, None, asked.format("ours"))
    project.revision(HEAD, FIRST, asked.format("theirs"))
    assert run("upgrade", FIRST).code == 0
    watch.execute(
        f"ALTER DATABASE {watch.fetchval('SELECT current_database()')}"
        " SET client_connection_check_interval = '7s'"
    )
    assert run("upgrade").code == 0
    assert [watch.fetchval(f"SELECT name FROM {each}") for each in ("ours", "theirs")] == [
        "5s",
        "7s",
    ]


def test_locks_names_the_revision(
    run: Run, start: Start, project: Small, database: Target, watch: SyncConnection
) -> None:
    """Whoever looks at a queue sees which revision stands in it, and before whom."""
    standing_at(watch, FIRST)
    project.revision("aaaa00000003", HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        process = start("--lock-timeout", "1min")
        assert eventually(lambda: bool(running(watch, "ALTER TABLE t1 ADD c", at="Lock")))
        seen = run("locks").out
        other.execute("COMMIT")
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert "dbtool, revision aaaa00000003" in " ".join(seen.split()), seen


def test_plan_has_no_counts(run: Run) -> None:
    """What has not run has no numbers."""
    planned = revisions(run, "upgrade", "--plan")
    assert {each["statements"] for each in planned} == {None}


def test_verify_does_not_count(run: Run, project: Small) -> None:
    """What a revision asks about itself is none of its work."""
    path = project.root / f"migrations/versions/{HEAD}.py"
    check = 'connection.execute(sa.text("INSERT INTO t2 VALUES (1)"))'
    path.write_text(f"{path.read_text()}def verify(connection):\n    {check}\n")
    _, second = revisions(run, "upgrade")
    assert (second["statements"], second["rows"]) == (1, 0)


def test_left_out_does_not_count(run: Run, project: Small) -> None:
    """What an earlier run has committed is none of this one."""
    project.revision(HEAD, FIRST, BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    project.revision(HEAD, FIRST, BROKEN.format(error=""))
    (only,) = revisions(run, "upgrade", "-y")[-1:]
    assert (only["revision"], only["statements"]) == (HEAD, 1)


@pytest.mark.parametrize("block", [False, True], ids=["transaction", "autocommit"])
def test_attempts_and_locks(
    run: Run, start: Start, project: Small, database: Target, block: bool
) -> None:
    """A revision that had to try again says how often, and how long all waited."""
    assert run("upgrade", FIRST).code == 0
    statement = 'op.execute("ALTER TABLE t1 ADD c int")'
    inside = f"with op.get_context().autocommit_block():\n    {statement}"
    project.revision(HEAD, FIRST, inside if block else statement)
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        process = start("--lock-timeout", "300ms", "--json")
        # The machine may stop for all of one wait, and then nobody has seen it.
        for _ in range(2):
            next(line for line in process.stderr if " event=retry " in line)
        other.execute("COMMIT")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    (only,) = json.loads(out)["data"]["revisions"]
    assert only["attempts"] >= 2
    assert 0.1 < only["at_locks"] < 60
    assert only["statements"] == 1
