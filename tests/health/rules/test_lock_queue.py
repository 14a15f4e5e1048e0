"""lock-queue on real queues: the right culprit, and quiet where there is none."""

import dataclasses
from contextlib import ExitStack
from time import sleep

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity
from dbtool.health.forest import Forest
from dbtool.health.pool import Pool, read
from dbtool.health.rules import lock_queue
from tests.health.aged import waited
from tests.health.crowd import Crowd
from tests.health.waiting import running, waiting

ALTER = "ALTER TABLE t ADD c int"


@pytest.fixture
def table(database: Target) -> Target:
    """A database with one table of one row."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1)")
    return database


def judged(pool: Pool, seconds: float = 2.0) -> list[Finding]:
    """What the rule finds, had everybody waited so long."""
    return list(lock_queue.check(waited(pool, seconds)))


def idled(pool: Pool, seconds: float) -> Pool:
    """The same, had every session been in its state for so long."""
    nodes = tuple(
        dataclasses.replace(
            each, session=each.session and dataclasses.replace(each.session, state_seconds=seconds)
        )
        for each in pool.forest.nodes
    )
    return dataclasses.replace(pool, forest=dataclasses.replace(pool.forest, nodes=nodes))


def test_a_queue_behind_a_running_statement(table: Target, people: Crowd) -> None:
    """Reader, then ALTER, then readers: the reader that runs is named, with its followers."""
    people.session("bystander", "BEGIN", "SELECT 1")
    with (
        running(table, "SELECT a, pg_sleep(60) FROM t WHERE b = 1", "report") as reader,
        waiting(table, ALTER, "migration") as alter,
        waiting(table, "SELECT * FROM t") as first,
        waiting(table, "SELECT * FROM t") as second,
    ):
        (found,) = judged(read(table))
        assert found.fix is not None
        with SyncConnection(table) as admin:
            assert [tuple(row) for row in admin.fetch(found.fix.code)] == [(reader, True)]
    assert found.severity is Severity.WARNING
    assert found.title == (
        f"3 sessions wait for a lock, up to 2.0 s: pid {reader} (report) holds it"
    )
    doing, *waits = found.evidence
    assert doing.startswith(f"pid {reader}: active, transaction open ")
    assert doing.endswith(", runs: SELECT a, pg_sleep(?) FROM t WHERE b = ?")
    assert {each.split(" waits ")[0] for each in waits} == {
        f"pid {alter} (migration)",
        f"pid {first} (waiter)",
        f"pid {second} (waiter)",
    }
    assert f"pid {alter} (migration) waits 2.0 s for AccessExclusiveLock on t: {ALTER}" in waits


def test_a_chain_of_rows(table: Target) -> None:
    """Each waits for the one before: the last of them is the one that is named."""
    update = "UPDATE t SET b = 2"
    holds = f"BEGIN; {update}; SELECT pg_sleep(60)"
    with (
        running(table, holds, "first") as root,
        waiting(table, update),
        waiting(table, update),
    ):
        (found,) = judged(read(table))
    assert found.title == f"2 sessions wait for a lock, up to 2.0 s: pid {root} (first) holds it"


def test_an_idle_holder_is_left_to_its_own_rule(table: Target, people: Crowd) -> None:
    """transaction-held-idle tells of it, once it has idled for a second; until then this does."""
    people.session("api", "BEGIN", "SELECT * FROM t")
    with waiting(table, ALTER):
        sleep(1.05)
        old = read(table)
    (found,) = judged(idled(old, 0.9))
    assert "(api) holds it" in found.title
    assert found.fix is not None
    assert "pg_terminate_backend" in found.fix.code
    assert judged(old) == []


def test_a_plain_role_sees_the_culprit_and_not_what_it_does(table: Target) -> None:
    """Locks are there for all to see; states and statements are not."""
    with SyncConnection(table) as admin:
        admin.execute("CREATE ROLE watcher LOGIN")
    with running(table, "SELECT pg_sleep(60) FROM t", "report") as root, waiting(table, ALTER):
        (found,) = judged(read(dataclasses.replace(table, user="watcher")))
    with SyncConnection(table) as admin:
        admin.execute("DROP ROLE watcher")
    assert f"pid {root} (" in found.title
    assert found.evidence[0] == f"pid {root}: what it does is hidden: GRANT pg_monitor"
    assert found.fix is None


@pytest.mark.parametrize(
    ("count", "seconds", "severity"),
    [
        (1, 0.9, None),
        (1, 1.0, Severity.WARNING),
        (4, 29.0, Severity.WARNING),
        (5, 1.0, Severity.ERROR),
        (1, 30.0, Severity.ERROR),
    ],
)
def test_thresholds(table: Target, count: int, seconds: float, severity: Severity | None) -> None:
    """One second is a warning; half a minute, or five sessions, an error."""
    with running(table, "SELECT pg_sleep(60) FROM t") as root, ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(waiting(table, "ALTER TABLE t ADD d int"))
        found = judged(read(table), seconds)
    assert [each.severity for each in found] == ([severity] if severity else [])
    assert all(f"pid {root} " in each.title for each in found)


def test_quiet_where_nobody_waits(table: Target, people: Crowd) -> None:
    """Long statements and open transactions that disturb nobody are no queue."""
    people.session("api", "BEGIN", "SELECT * FROM t")
    with running(table, "SELECT pg_sleep(60) FROM t"):
        pool = read(table)
    assert pool.forest == Forest()
    assert judged(pool) == []
