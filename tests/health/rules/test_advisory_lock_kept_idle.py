"""advisory-lock-kept-idle: a pooled session that went back with a lock."""

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity
from dbtool.health.pool import Pool, read
from dbtool.health.rules import advisory_lock_kept_idle, lock_queue
from tests.health.aged import waited
from tests.health.crowd import Crowd
from tests.health.waiting import waiting


def judged(pool: Pool, seconds: float) -> list[Finding]:
    """What the rule finds, had everybody waited so long."""
    return list(advisory_lock_kept_idle.check(waited(pool, seconds)))


@pytest.mark.parametrize(
    ("key", "shown"),
    [("7", "7"), ("-7", "-7"), ("8589934593", "8589934593"), ("-1, 2", "(-1, 2)")],
)
def test_an_idle_holder(database: Target, people: Crowd, key: str, shown: str) -> None:
    """Idle and in no transaction: it is found all the same, with the key as it was given.

    One that came to it a moment ago holds it, and is not to be ended.
    """
    holder = people.session("worker", f"SELECT pg_advisory_lock({key})")
    people.session("bystander", "SELECT pg_advisory_lock(8)")
    pid = holder.fetchval("SELECT pg_backend_pid()")
    with waiting(database, f"SELECT pg_advisory_lock({key})"):
        pool = read(database)
    (found,) = judged(pool, 2.0)
    assert found.severity is Severity.WARNING
    assert found.title.startswith(f"pid {pid} (worker) has been idle for ")
    assert f" and keeps ExclusiveLock on advisory lock {shown}: 1 session" in found.title
    assert found.evidence[0] == "last ran: SELECT pg_backend_pid()"
    assert found.fix is not None
    assert found.fix.code == f"dbtool kill {pid} --force"
    assert [each.severity for each in judged(pool, 30.0)] == [Severity.ERROR]
    assert judged(pool, 0.9) == []
    assert list(lock_queue.check(waited(pool))) == []
    just_idle = waited(pool, 30.0, state_seconds=0.4)
    assert list(advisory_lock_kept_idle.check(just_idle)) == []
    (held,) = lock_queue.check(just_idle)
    assert held.fix is None


def test_quiet_where_nobody_wants_it(database: Target, people: Crowd) -> None:
    """A lock that is kept on purpose, as a scheduler's leader does, is no finding."""
    people.session("leader", "SELECT pg_advisory_lock(7)")
    with SyncConnection(database) as other:
        other.fetchval("SELECT pg_try_advisory_lock(7)")
        assert judged(read(database), 60.0) == []
