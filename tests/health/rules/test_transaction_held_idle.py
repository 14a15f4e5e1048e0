"""transaction-held-idle with real holders and real waiters."""

import dataclasses
import re
from time import monotonic, sleep

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity, Unknown
from dbtool.health.pool import Pool, read
from dbtool.health.rules import transaction_held_idle
from tests.health.crowd import Crowd
from tests.health.waiting import waiting


def judged(pool: Pool) -> list[Finding]:
    """What the rule finds."""
    return [said for said in transaction_held_idle.check(pool) if isinstance(said, Finding)]


def aged(pool: Pool, seconds: float) -> Pool:
    """The same pool, had its idle transactions begun to idle so long ago."""
    older = [
        dataclasses.replace(each, idle_seconds=seconds, transaction_seconds=seconds + 1)
        for each in pool.idle_transactions
    ]
    return dataclasses.replace(pool, idle_transactions=tuple(older))


def test_a_holder_that_blocks_is_an_error_and_the_fix_ends_it(
    database: Target, people: Crowd
) -> None:
    """The idle reader before an ALTER is named, and the statement given ends just that one."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE orders (id int)")
    holder = people.session("api@web1:9", "BEGIN", "SELECT * FROM orders WHERE id = 4711")
    bystander = people.session("api@web1:9", "BEGIN", "SELECT 1")
    pid = holder.fetchval("SELECT pg_backend_pid()")
    with waiting(database, "ALTER TABLE orders ADD total int") as waiter:
        sleep(1.05)
        (found,) = judged(read(database))
    assert found.severity is Severity.ERROR
    assert re.match(r"api: 1 transaction held idle for up to [\d.]+ s", found.title)
    assert found.title.endswith(" s, blocking 1 session")
    assert re.match(rf"pid {pid}: idle [\d.]+ s", found.evidence[0])
    assert f", blocks pid {waiter}, last ran: SELECT pg_backend_pid()" in found.evidence[0]
    assert found.fix is not None
    with SyncConnection(database) as admin:
        ended = admin.fetch(found.fix.code)
        assert [tuple(row) for row in ended] == [(pid, True)]
        assert _is_gone(admin, pid)
    bystander.execute("SELECT 1")


def _is_gone(admin: SyncConnection, pid: int) -> bool:
    until = monotonic() + 60
    while admin.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"):
        if monotonic() > until:
            return False
        sleep(0.01)
    return True


def test_a_queue_behind_the_first_waiter_is_told(database: Target, people: Crowd) -> None:
    """A holder blocks one session directly; that others stand behind it is said too."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    people.session("api", "BEGIN", "UPDATE t SET a = 1")
    update = "UPDATE t SET a = 1"
    with waiting(database, update), waiting(database, update), waiting(database, update):
        (found,) = judged(aged(read(database), 2))
    assert found.title.endswith(", blocking 1 session")
    assert found.evidence[-1] == "3 sessions of this server wait for locks, some behind these"


def test_a_transaction_between_two_statements_is_no_finding(
    database: Target, people: Crowd
) -> None:
    """A young idle transaction is quiet, even while somebody waits for it."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    holder = people.session("api", "BEGIN", "UPDATE t SET a = 1")
    with waiting(database, "UPDATE t SET a = 1"):
        holder.execute("SELECT 1")
        pool = read(database)
    (idle,) = pool.idle_transactions
    assert idle.blocks == 1
    assert idle.transaction_seconds is not None
    assert idle.idle_seconds < idle.transaction_seconds
    assert judged(aged(pool, 0.9)) == []


@pytest.mark.parametrize(
    ("seconds", "severity"),
    [(29.9, None), (30, Severity.WARNING), (299, Severity.WARNING), (300, Severity.ERROR)],
)
def test_thresholds(
    database: Target, people: Crowd, seconds: float, severity: Severity | None
) -> None:
    """Half a minute is a warning, five minutes an error, though nobody waits."""
    people.session("api", "BEGIN", "SELECT 1")
    found = judged(aged(read(database), seconds))
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_one_finding_per_application(database: Target, people: Crowd) -> None:
    """A leak of many sessions is one finding: five of them are told, and all of them ended."""
    for number in range(7):
        people.session(f"api@web{number}:1", "BEGIN", "SELECT 1")
    people.session("worker", "BEGIN", "SELECT 1")
    found = judged(aged(read(database), 60))
    with SyncConnection(database) as admin:
        assert found[0].fix is not None
        assert len(admin.fetch(found[0].fix.code)) == 7
    assert [each.title for each in found] == [
        "api: 7 transactions held idle for up to 60 s",
        "worker: 1 transaction held idle for up to 60 s",
    ]
    assert found[0].evidence[5] == "+2 more"


def test_a_plain_role_gets_unknown_and_the_grant(database: Target, people: Crowd) -> None:
    """What cannot be seen is never taken for fine."""
    people.session("api", "BEGIN", "SELECT 1")
    with SyncConnection(database) as connection:
        connection.execute("CREATE ROLE onlooking LOGIN")
    pool = read(dataclasses.replace(database, user="onlooking"))
    (unknown,) = transaction_held_idle.check(pool)
    with SyncConnection(database) as connection:
        connection.execute("DROP ROLE onlooking")
    assert isinstance(unknown, Unknown)
    assert unknown.decide == "GRANT pg_monitor TO onlooking"
    assert unknown.reason.startswith("role onlooking may not see the state of ")


def test_sessions_that_do_not_tell_their_state_are_unknown(database: Target, people: Crowd) -> None:
    """With track_activities off nobody can see what a session does."""
    people.session("api", "SET track_activities = off", "BEGIN", "SELECT 1")
    (unknown,) = transaction_held_idle.check(read(database))
    assert isinstance(unknown, Unknown)
    assert unknown.reason == "track_activities is off for 1 connection"
