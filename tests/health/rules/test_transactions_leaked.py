"""transactions-leaked: a leak and a burst on the same server."""

from time import sleep

from dbtool.database import Target
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
        if number:
            sleep(1.2)
        people.session(f"leaky@web{number}:1", "BEGIN", LEAK)
        people.session("varied", "BEGIN", f"SELECT {'1,' * number} 1")
    for _ in range(4):
        people.session("burst", "BEGIN", LEAK)
    sleep(2.05)
    (found,) = judged(read(database))
    assert (found.severity, found.certainty) == (Severity.WARNING, Certainty.HEURISTIC)
    assert found.title.startswith("leaky: 3 sessions look leaked, left one by one over 2.")
    assert found.evidence[0] == "all ran last: SELECT name FROM users WHERE email = ?"


def test_two_sessions_are_no_leak(database: Target, people: Crowd) -> None:
    """It takes three, and none that has only just stopped."""
    people.session("api", "BEGIN", "SELECT 1")
    people.session("api", "BEGIN", "SELECT 1")
    assert judged(read(database)) == []
