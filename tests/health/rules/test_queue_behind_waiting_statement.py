"""queue-behind-waiting-statement: the ALTER that traffic stands behind."""

from contextlib import ExitStack

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity
from dbtool.health.pool import Pool, read
from dbtool.health.rules import queue_behind_waiting_statement
from tests.health.aged import waited
from tests.health.crowd import Crowd
from tests.health.waiting import waiting

ALTER = "ALTER TABLE t ADD c int"


@pytest.fixture
def table(database: Target) -> Target:
    """A database with one table of one row."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1)")
    return database


def judged(pool: Pool, seconds: float = 2.0) -> list[Finding]:
    """What the rule finds, had everybody waited so long."""
    return list(queue_behind_waiting_statement.check(waited(pool, seconds)))


@pytest.mark.parametrize(
    ("readers", "severity"), [(1, Severity.WARNING), (4, Severity.WARNING), (5, Severity.ERROR)]
)
def test_readers_behind_an_alter(
    table: Target, people: Crowd, readers: int, severity: Severity
) -> None:
    """They would go on without it, and do so once the statement given has cancelled it."""
    holder = people.session("report", "BEGIN", "SELECT * FROM t").fetchval(
        "SELECT pg_backend_pid()"
    )
    with waiting(table, ALTER, "migration") as alter, ExitStack() as stack:
        for _ in range(readers):
            stack.enter_context(waiting(table, "SELECT * FROM t"))
        pool = read(table)
        (found,) = judged(pool)
        assert judged(pool, 0.9) == []
        assert found.fix is not None
        with SyncConnection(table) as admin:
            assert [tuple(row) for row in admin.fetch(found.fix.code)] == [(alter, True)]
    many = "1 session waits" if readers == 1 else f"{readers} sessions wait"
    assert found.severity is severity
    assert found.title == (
        f"{many} up to 2.0 s only behind pid {alter} (migration), which waits itself"
    )
    assert found.evidence == (
        f"pid {alter} waits 2.0 s for AccessExclusiveLock on t, behind pid {holder}: {ALTER}",
    )


def test_of_many_in_the_way_one_who_waits_for_nobody_is_named(table: Target, people: Crowd) -> None:
    """All are counted, and none of those who wait is told to hold the statement up."""
    people.session("holder", "BEGIN", "UPDATE t SET b = 2")
    with waiting(table, "UPDATE t SET b = 3"), waiting(table, "UPDATE t SET b = 4"):
        idle = [people.session("report", "BEGIN", "SELECT * FROM t") for _ in range(20)]
        with waiting(table, ALTER, "migration") as alter, waiting(table, "SELECT * FROM t"):
            pool = read(table)
        assert idle
    node = pool.forest.node(alter)
    (found,) = judged(pool)
    assert node is not None
    named = pool.forest.node(node.parent or 0)
    assert named is not None
    assert named.waits is None
    assert found.evidence == (
        f"pid {alter} waits 2.0 s for AccessExclusiveLock on t,"
        f" behind pid {named.id} and 22 others: {ALTER}",
    )


@pytest.mark.parametrize(
    ("holds", "waits", "follows"),
    [
        ("SELECT * FROM t", ALTER, None),
        ("UPDATE t SET b = 2", "UPDATE t SET b = 3", "UPDATE t SET b = 4"),
        ("LOCK t", ALTER, "SELECT * FROM t"),
    ],
)
def test_quiet_where_its_end_would_free_nobody(
    table: Target, people: Crowd, holds: str, waits: str, follows: str | None
) -> None:
    """Nobody behind it; a row's queue; and followers that the holder itself keeps out."""
    people.session("holder", "BEGIN", holds)
    with waiting(table, waits), ExitStack() as stack:
        if follows:
            stack.enter_context(waiting(table, follows))
        pool = read(table)
    assert pool.forest.waiters == (2 if follows else 1)
    assert judged(pool) == []
