"""The check a revision makes of itself: when it runs, what fails it, and what stays then."""

import pytest

from dbtool.database.sync import SyncConnection
from tests.migrate.conftest import Run, standing_at
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION
from tests.migrate.test_resume import AUTOCOMMIT

FIRST, HEAD = "aaaa00000001", "aaaa00000002"
BLOCK = """
op.execute("CREATE TABLE t2 (id int)")
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY t2_id ON t2 (id)")
op.execute("CREATE TABLE t3 (id int)")
"""
ENVS = pytest.mark.parametrize(
    "env", [FROM_CONFIG, ASYNC, PER_MIGRATION], ids=["", "async", "each"]
)


def add_verify(project: Small, body: str, name: str = HEAD, word: str = "def") -> int:
    """Give a revision a verify(); returns the line it begins at."""
    path = project.root / f"migrations/versions/{name}.py"
    text = path.read_text()
    path.write_text(f"{text}{word} verify(connection):\n    {body}\n")
    return text.count("\n") + 1


def recorded(watch: SyncConnection) -> str | None:
    """The revision the database records."""
    found: str | None = watch.fetchval("SELECT max(version_num) FROM alembic_version")
    return found


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        *((FROM_CONFIG, each) for each in ("None", "True", "0", "''")),
        *((each, "0") for each in (ASYNC, PER_MIGRATION)),
    ],
)
def test_passes(run: Run, project: Small, watch: SyncConnection, env: str, answer: str) -> None:
    """Nothing but False fails, also what counts as false; it sees what upgrade() did."""
    project.env(env)
    seen = 'connection.execute(sa.text("INSERT INTO t2 VALUES (7)"))'
    add_verify(project, f"{seen}; return {answer}")
    ran = run("upgrade")
    assert ran.code == 0, ran
    assert recorded(watch) == HEAD
    assert watch.fetchval("SELECT id FROM t2") == 7


@ENVS
def test_false_rolls_back(run: Run, project: Small, watch: SyncConnection, env: str) -> None:
    """False fails the revision: what of the run stays depends on the transaction, and is said."""
    project.env(env)
    line = add_verify(project, "return False")
    ran = run("upgrade")
    assert ran.code == 4, ran
    each = env == PER_MIGRATION
    said = ran.err.splitlines()
    at = said.index(
        f"error: verify of revision {HEAD} ({HEAD} does something.) failed: it returned False"
    )
    assert said[at + 1] == f"detail: at migrations/versions/{HEAD}.py:{line}"
    told = " ".join(part.strip() for part in said[at + 2 :])
    if each:
        assert f"stands at {FIRST}; before this run it stood at no revision." in told
        assert told.endswith(f"Rolled back is {HEAD}; {FIRST} stays.")
    else:
        assert f"stands at no revision, as before. What {FIRST} did" in told
        assert told.endswith(f"all revisions of the transaction: {FIRST}, {HEAD}.")
    assert watch.fetchval("SELECT to_regclass('t1') IS NOT NULL") is each
    assert watch.fetchval("SELECT to_regclass('t2') IS NULL")


def test_exception(run: Run, project: Small, watch: SyncConnection) -> None:
    """An exception fails it too, and the line inside verify is the one that is named."""
    standing_at(watch, FIRST)
    line = add_verify(project, 'assert False, "2 orders have no customer"')
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "failed: AssertionError: 2 orders have no customer" in ran.err
    assert f"at migrations/versions/{HEAD}.py:{line + 1}" in ran.err
    assert f"Rolled back is {HEAD}." in " ".join(ran.err.split())
    assert recorded(watch) == FIRST


def test_statement_that_fails(run: Run, project: Small) -> None:
    """A query of verify that the server refuses is shown with its statement."""
    add_verify(project, 'connection.execute(sa.text("SELECT nothing FROM t2"))')
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert f"verify of revision {HEAD} ({HEAD} does something.) failed: column " in ran.err
    assert "SELECT nothing FROM t2" in ran.err


def test_async_verify_is_no_yes(run: Run, project: Small) -> None:
    """A coroutine that nobody awaits would pass unseen; it is refused."""
    add_verify(project, "return False", word="async def")
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "it is async, and its connection is not" in ran.err


@ENVS
def test_behind_an_autocommit_block(
    run: Run, project: Small, watch: SyncConnection, env: str
) -> None:
    """What the block committed stays and is noted; the next run leaves it out and asks again."""
    project.env(env)
    standing_at(watch, FIRST)
    project.revision(HEAD, FIRST, BLOCK)
    add_verify(project, 'return connection.scalar(sa.text("SELECT count(*) FROM t1")) > 0')
    ran = run("upgrade")
    assert ran.code == 4, ran
    told = " ".join(ran.err.split())
    assert f"{HEAD} had left its transaction (autocommit_block)" in told
    assert told.endswith(f"Rolled back is only what {HEAD} did behind it.")
    assert watch.fetchval("SELECT to_regclass('t2') IS NOT NULL")
    assert watch.fetchval("SELECT to_regclass('t3') IS NULL")
    watch.execute("INSERT INTO t1 VALUES (1)")
    ran = run("upgrade")
    assert ran.code == 0, ran
    assert f"revision {HEAD} is half applied: 2 statements of it are committed" in ran.err
    assert watch.fetchval("SELECT to_regclass('t3') IS NOT NULL")


def test_every_statement_commits(run: Run, project: Small, watch: SyncConnection) -> None:
    """With an env.py on AUTOCOMMIT a revision that fails its check is not recorded."""
    project.env(AUTOCOMMIT)
    add_verify(project, "return False")
    assert run("upgrade").code == 4
    assert recorded(watch) == FIRST
    assert watch.fetchval("SELECT to_regclass('t2') IS NOT NULL")


def test_statements_of_verify_are_never_left_out(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """What verify runs is no part of a half-applied revision, even in the words of upgrade()."""
    standing_at(watch, FIRST)
    project.revision(HEAD, FIRST, BLOCK)
    add_verify(project, 'connection.execute(sa.text("CREATE TEMP TABLE seen ()")); return False')
    assert run("upgrade").code == 4
    comment = watch.fetchval("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
    assert "CREATE INDEX CONCURRENTLY" in comment
    assert "seen" not in comment


@pytest.mark.parametrize("words", [("upgrade", "--sql"), ("upgrade", "--sql", "--from-scratch")])
def test_sql_leaves_it_out(run: Run, project: Small, words: tuple[str, ...]) -> None:
    """A script has nobody to ask; neither way of writing one runs it."""
    add_verify(project, "raise RuntimeError")
    ran = run(*words)
    assert ran.code == 0, ran
    assert "CREATE TABLE t2" in ran.out


@pytest.mark.parametrize("words", [("downgrade", "-1", "--yes"), ("stamp", HEAD, "--yes")])
def test_only_upgrades_ask_it(run: Run, project: Small, words: tuple[str, ...]) -> None:
    """Going back and stamping run no upgrade(), and so no verify()."""
    assert run("upgrade").code == 0
    add_verify(project, "return False")
    ran = run(*words)
    assert ran.code == 0, ran
