"""What an upgrade says of the pending revisions before it changes anything, and when it stops."""

import json
from collections.abc import Callable

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.conftest import MAJOR
from tests.migrate.conftest import Run
from tests.migrate.projects import Small

Tables = Callable[[], list[str]]
UP = """
with op.get_context().autocommit_block():
    op.create_index("ix_a", "t1", ["id"], postgresql_concurrently=True)
op.create_index("ix_b", "t1", ["id"])
op.drop_table("t2")
"""
PLAN = """\
{shown} is at aaaa00000002; 1 revision would run; lint: 1 error

revision  message              statements  commit             drops
bbb3      bbb3 does something.          3  together, 1 alone  table t2

bbb3
    CREATE INDEX CONCURRENTLY ix_a ON t1 (id);
    CREATE INDEX ix_b ON t1 (id);
    DROP TABLE t2;

[1] error (proven from history): t1: writes wait while index ix_b is built
    index-not-concurrent at migrations/versions/bbb3.py:11, bbb3
    SHARE lock on t1: writes wait
    an index is built over every row of t1
    fix: build it while writes go on
        with op.get_context().autocommit_block():
            op.create_index("ix_b", "t1", ["id"], postgresql_concurrently=True)

info: 3 statements judged for PostgreSQL {major}, after 2 earlier revisions

1 error
"""


@pytest.fixture
def pending(run: Run, project: Small) -> Small:
    """The project with one revision pending that builds an index and drops a table."""
    project.write("dbtool.toml", '[lint]\nselect = ["index-not-concurrent", "not-read"]\n')
    assert run("upgrade").code == 0
    project.revision("bbb3", "aaaa00000002", UP, 'op.execute("SELECT 1")')
    return project


def test_plan(run: Run, pending: Small, database: Target, tables: Tables) -> None:
    """Statements, what commits together, what is gone, what lint finds; and nothing happens."""
    ran = run("upgrade", "--plan", "--show-sql")
    assert (ran.code, ran.err) == (1, "")
    expected = PLAN.format(shown=database.shown, major=MAJOR)
    assert " ".join(ran.out.split()) == " ".join(expected.split())
    assert run("upgrade", "--plan", "--fail-on", "never").code == 0
    data = json.loads(run("upgrade", "--plan", "--json").out)["data"]
    assert [each["name"] for each in data["lint"]["outcomes"]] == ["bbb3"]
    assert tables() == ["alembic_version", "t1", "t2"]


def test_tables_as_large_as_they_are(run: Run, pending: Small, database: Target) -> None:
    """What is an error on a table nobody has counted is a note on one of three rows."""
    with SyncConnection(database) as connection:
        connection.execute("INSERT INTO t1 VALUES (1), (2), (3)")
        connection.execute("ANALYZE t1")
    ran = run("upgrade", "--plan")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 note"), ran
    assert "t1: 3 rows" in ran.out


def test_fail_on(run: Run, pending: Small, tables: Tables) -> None:
    """It stops with exit 1 before the first change; below that severity it runs."""
    ran = run("upgrade", "--yes", "--fail-on", "error")
    assert ran.code == 1
    assert "stopped before the first change by --fail-on error" in ran.out.splitlines()[0]
    assert tables() == ["alembic_version", "t1", "t2"]
    text = '# dbtool: allow index-not-concurrent -- empty\nop.create_index("ix_b", "t1", ["id"])'
    pending.revision("bbb3", "aaaa00000002", text)
    ran = run("upgrade", "--yes", "--fail-on", "error")
    assert ran.code == 0, ran


def test_the_setting_stops_it_too(run: Run, pending: Small, tables: Tables) -> None:
    """What the team has written down holds for a deploy, until the command line says otherwise."""
    settings = 'fail_on = "error"\n[lint]\nselect = ["index-not-concurrent"]\n'
    pending.write("dbtool.toml", settings)
    ran = run("upgrade", "--yes")
    assert (ran.code, "stopped before the first change by fail_on = error" in ran.out) == (1, True)
    ran = run("upgrade", "--yes", "--fail-on", "never")
    assert (ran.code, tables()) == (0, ["alembic_version", "t1"])


def test_without_it_findings_stop_nothing(run: Run, pending: Small, tables: Tables) -> None:
    """An upgrade that nobody told to stop runs, and exits 0."""
    ran = run("upgrade", "--yes")
    assert (ran.code, tables()) == (0, ["alembic_version", "t1"]), ran


@pytest.mark.parametrize("why", ["settings", "reads"])
def test_what_cannot_be_read_stops_nothing(
    run: Run, pending: Small, tables: Tables, why: str
) -> None:
    """A plan says that nothing is known and why; only `--fail-on unknown` stops for that."""
    if why == "settings":
        pending.write("dbtool.toml", '[lint]\nselect = ["no-such-rule"]\n')
        reason = 'no rule of lint is called "no-such-rule"'
    else:
        up = 'for _ in op.get_bind().execute(sa.text("SELECT 1")):\n    op.execute("SELECT 2")'
        pending.revision("bbb3", "aaaa00000002", up)
        reason = "what follows depends on the answer to SELECT 1"
    ran = run("upgrade", "--plan")
    assert (ran.code, reason in ran.out) == (0, True), ran
    assert ran.out.endswith("no findings, 1 unknown\n")
    assert run("upgrade", "--yes", "--fail-on", "unknown").code == 1
    assert tables() == ["alembic_version", "t1", "t2"]
    assert run("upgrade", "--yes", "--fail-on", "error").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--show-sql",), "--show-sql is for --plan"),
        (("--sql", "--fail-on", "error"), "--fail-on cannot be combined with --sql"),
    ],
)
def test_what_judges_nothing(run: Run, words: tuple[str, ...], message: str) -> None:
    """Where nothing is judged, nobody shall believe it was."""
    ran = run("upgrade", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {message}\n")
