"""transactions-leaked: a leak and a burst on the same server."""

import dataclasses

import pytest

from dbtool.database.target import Target
from dbtool.finding import Certainty, Finding, Severity
from dbtool.health.pool import Pool, read
from dbtool.health.rules import transactions_leaked
from tests.health.crowd import Crowd

LEAK = "SELECT name FROM users WHERE email = 'jane@example.com'"


def judged(pool: Pool) -> list[Finding]:
    """What the rule finds."""
    return list(transactions_leaked.check(pool))


def test_a_leak_is_told_from_a_burst(database: Target, people: Crowd) -> None:
    """Sessions left one by one after one statement are a leak; sessions that stopped
    together, or after different statements, are not.
    """
    people.session("other").execute("CREATE TABLE users (name text, email text)")
    for number in range(3):
        people.session(f"leaky@web{number}:1", "BEGIN", LEAK)
        people.session("varied", "BEGIN", f"SELECT {'1,' * number} 1")
    for _ in range(4):
        people.session("burst", "BEGIN", LEAK)
    (found,) = judged(_left(read(database)))
    assert (found.severity, found.certainty) == (Severity.WARNING, Certainty.HEURISTIC)
    assert found.title.startswith("leaky: 3 sessions look leaked, left one by one over 10 s")
    assert found.evidence[0] == "all ran last: SELECT name FROM users WHERE email = ?"


def _left(pool: Pool) -> Pool:
    """The same, had those of an application stopped 5 s apart, but for the burst."""
    ages: dict[str, float] = {}
    sessions = []
    for each in pool.idle_transactions:
        service = each.application.partition("@")[0]
        ages[service] = ages.get(service, 2.0) + (0.0 if service == "burst" else 5.0)
        sessions.append(dataclasses.replace(each, idle_seconds=ages[service]))
    return dataclasses.replace(pool, idle_transactions=tuple(sessions))


@pytest.mark.parametrize(
    ("ages", "leak"),
    [
        ((2.0, 3.0, 4.0), True),
        ((1.9, 3.0, 4.0), False),
        ((2.1, 3.0, 4.0), False),
        ((2.0, 2.1, 4.0), False),
        ((2.0, 2.5, 4.0), True),
        ((60.0, 600.0, 1200.0, 3600.0), True),
        ((3600.0, 3601.0, 3602.0, 3603.0), False),
    ],
)
def test_thresholds(database: Target, people: Crowd, ages: tuple[float, ...], leak: bool) -> None:
    """Untouched for 2 s, spread over half of the oldest age, and not in two clusters."""
    people.session("api", "BEGIN", "SELECT 1")
    pool = read(database)
    (one,) = pool.idle_transactions
    sessions = tuple(dataclasses.replace(one, idle_seconds=age) for age in ages)
    assert bool(judged(dataclasses.replace(pool, idle_transactions=sessions))) is leak


def test_two_sessions_are_no_leak(database: Target, people: Crowd) -> None:
    """It takes three, and none that has only just stopped."""
    people.session("api", "BEGIN", "SELECT 1")
    people.session("api", "BEGIN", "SELECT 1")
    assert judged(read(database)) == []
