"""few-free-slots on a server that fills up."""

import dataclasses
from time import sleep

import pytest

from dbtool.finding import Certainty, Finding, Severity
from dbtool.health.pool import Pool, Slots, read
from dbtool.health.rules import few_free_slots
from dbtool.scratch.server import Server
from tests.conftest import MAJOR
from tests.health.crowd import alone, crowd, gone

USABLE = 15 if MAJOR >= 16 else 17


def judged(pool: Pool) -> list[Finding]:
    """What the rule says."""
    return list(few_free_slots.check(pool))


def idled(pool: Pool, seconds: dict[int, float]) -> Pool:
    """The same, had these sessions idled for so long, and the others just begun to."""
    idle = tuple(
        dataclasses.replace(each, idle_seconds=seconds.get(each.pid, 0.0))
        for each in pool.idle_transactions
    )
    return dataclasses.replace(pool, idle_transactions=idle)


def test_a_server_filling_up(small: Server) -> None:
    """Quiet at half, then none is free: dbtool, a superuser, still gets in."""
    with alone(small.target()) as admin, crowd(small.target()) as people:
        people.idle(USABLE // 2 - 2, "api@web1:100")
        assert judged(read(small.target())) == []
        gone(admin)
        people.idle(USABLE - USABLE // 2 + 1, "api@web2:200")
        (full,) = judged(read(small.target()))
    assert full.severity is Severity.ERROR
    assert full.certainty is Certainty.MEASURED
    assert full.title == f"no slot is free: all {USABLE} that ordinary roles can use are taken"
    tier = " - 2 for pg_use_reserved_connections" if MAJOR >= 16 else ""
    assert full.evidence == (
        f"usable: 20 max_connections - 3 for superusers{tier} = {USABLE}",
        f"taken by api {USABLE - 1}, onlooker 1",
    )
    assert full.fix is not None
    assert full.fix.label.startswith(f"api holds {USABLE - 1}: ")


@pytest.mark.parametrize(
    ("usable", "used", "severity"),
    [
        (97, 77, None),
        (97, 78, Severity.WARNING),
        (97, 87, Severity.WARNING),
        (97, 88, Severity.ERROR),
        (20, 16, Severity.ERROR),
        (20, 15, None),
        (7, 3, None),
        (7, 4, Severity.ERROR),
    ],
)
def test_thresholds(small: Server, usable: int, used: int, severity: Severity | None) -> None:
    """80 and 90 % of the usable slots, or fewer than five free once half are taken."""
    slots = Slots(usable + 3, 3, 0, usable, used, usable - used, 0)
    with alone(small.target()):
        found = judged(dataclasses.replace(read(small.target()), slots=slots))
    assert [finding.severity for finding in found] == ([severity] if severity else [])


def test_an_upper_bound_is_said_to_be_one(small: Server) -> None:
    """Where parallel workers may hide in the count the finding is heuristic and says why."""
    with alone(small.target()):
        pool = read(small.target())
    slots = Slots(20, 3, 0, 17, 17, 0, 5)
    (found,) = judged(dataclasses.replace(pool, slots=slots))
    assert found.certainty is Certainty.HEURISTIC
    assert found.evidence[-1] == "5 of them may be parallel workers: postgres cannot tell"


def test_transactions_that_hold_the_slots_are_the_cause(small: Server) -> None:
    """At once, and not after half a minute; the statement given ends every one that is counted."""
    target = small.target()
    with alone(target) as admin, crowd(target) as people:
        for number in range(USABLE - 3):
            people.session(f"api@web{number}:1", "BEGIN", "SELECT 1")
        pool = read(target)
        young = judged(idled(pool, {each.pid: 0.9 for each in pool.idle_transactions}))
        held = {each.pid: 1.0 for each in pool.idle_transactions}
        gone(admin)
        busy = people.session("api@web0:2", "BEGIN", "SELECT 1")
        (found,) = judged(idled(read(target), held))
        assert found.fix is not None
        ended = admin.fetch(found.fix.code)
        assert busy.fetchval("SELECT 1") == 1
    assert [each.title for each in young] == [f"only 2 of {USABLE} usable slots left"]
    assert found.title == (
        f"only 1 of {USABLE} usable slots left;"
        f" {USABLE - 3} sessions sit in an open transaction and run nothing"
    )
    assert found.fix.label.startswith("ends exactly these sessions")
    assert [row["pg_terminate_backend"] for row in ended] == [True] * (USABLE - 3)


def test_a_session_that_moved_on_is_not_ended(small: Server) -> None:
    """The statement given spares a session that has done something since it was seen."""
    target = small.target()
    with alone(target) as admin, crowd(target) as people:
        opened = [people.session("api", "BEGIN", "SELECT 1") for _ in range(USABLE - 3)]
        sleep(1.05)
        (found,) = judged(read(target))
        opened[0].execute("SELECT 2")
        assert found.fix is not None
        assert len(admin.fetch(found.fix.code)) == USABLE - 4


def test_a_few_idle_transactions_are_not_the_cause(small: Server) -> None:
    """Where most connections rest in their pools, the pools are too large."""
    target = small.target()
    with alone(target), crowd(target) as people:
        people.idle(USABLE - 4)
        people.session("api", "BEGIN", "SELECT 1")
        sleep(1.05)
        (found,) = judged(read(target))
    assert found.title == f"only 2 of {USABLE} usable slots left"
    assert found.fix is not None
    assert found.fix.language == "python"
