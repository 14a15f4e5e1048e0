"""top on real servers: what cost most within a window, and what sessions were at work on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.health.profile import Work
from dbtool.health.session import session
from dbtool.health.statements import Cost, Counters, spent
from dbtool.health.top import Top, Wish, read
from dbtool.health.view_top import TOP, top_report
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from tests.conftest import Dbtool
from tests.health.waiting import LIMIT, waiting
from tests.proxy import proxy

SPILLING = "SELECT md5(g::text) FROM generate_series(1, 9000) g ORDER BY 1 OFFSET 8999 LIMIT 1"
QUICK = "SELECT 'secret' || 1"
SLEEPING = """
WITH sleeping AS MATERIALIZED (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep')
SELECT pid FROM sleeping WHERE pg_cancel_backend(pid)
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The glances of half a second may take longer than the server's two on a busy machine."""
    monkeypatch.setattr("dbtool.health.top.session", partial(session, seconds=60))
    monkeypatch.setattr("dbtool.health.profile.LATEST", 50.0)


@pytest.fixture
def counting(database: Target) -> Target:
    """A database in which statements are counted."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    return database


@contextmanager
def busy(target: Target, *statements: str) -> Iterator[None]:
    """An application that runs these statements again and again, once each at least."""
    over, begun = threading.Event(), threading.Event()

    def run() -> None:
        with SyncConnection(target, application_name="api@web1:42") as connection:
            connection.execute("SET work_mem = '64kB'")
            while not over.is_set():
                for statement in statements:
                    connection.execute(statement)
                begun.set()

    application = threading.Thread(target=run)
    application.start()
    try:
        assert begun.wait(LIMIT)
        yield
    finally:
        over.set()
        application.join(LIMIT)


def with_all(target: Target, wish: Wish, *expected: str, least: int = 1) -> Top:
    """The first window in which all of these ended so often: each is longer than the one before."""
    for length in range(1, 11):
        top = read(target, replace(wish, seconds=wish.seconds * length))
        if {each[:16] for each in expected} <= {each[:16] for each in of_here(top, least)}:
            return top
    raise AssertionError(f"never ended: {expected}")


def of_here(top: Top, least: int = 0) -> list[str]:
    """Statements of this database that ended so often: others run beside on the same server."""
    assert top.window is not None
    here = [each for each in top.window.top if each.database == top.access.database]
    return [each.query for each in here if each.cost.calls >= least]


def shown(top: Top, width: int = 80) -> str:
    """The report as plain text of that width."""
    return render(top_report(top), Screen(width, color=False, drawing=False))


def test_what_ended_in_the_window_is_ranked(counting: Target) -> None:
    """By time, by calls and by what it spilled; nothing of ours is among them."""
    with busy(counting, SPILLING, QUICK, QUICK):
        both = SPILLING, "SELECT $1 || $2"
        seen = with_all(counting, Wish(0.5, most=100), *both)
        # Begun and ended in the middle of a turn, two may be but one.
        called = with_all(counting, Wish(0.5, "calls", most=100), *both, least=3)
    (slow,) = (each for each in of_here(seen) if each.startswith("SELECT md5(g::text)"))
    quick = "SELECT $1 || $2"
    assert slow.startswith("SELECT md5(g::text) FROM generate_series($1, $2) g")
    assert of_here(called)[:2] == [quick, slow]
    assert not [each for each in of_here(seen) if "pg_sleep" in each or "json_build" in each]
    assert seen.window is not None
    times = [each.cost.exec_ms for each in seen.window.top]
    assert times == sorted(times, reverse=True)
    first = next(each for each in seen.window.top if each.query == slow)
    assert first.cost.temp_blocks > 0
    assert 0 < first.cost.calls < 1000
    assert first.share == first.cost.exec_ms / seen.window.exec_ms


def profiled(target: Target) -> tuple[Top, list[Work]]:
    """What the profile says, and of the application only: others may work in a database too."""
    top = read(target, Wish(1, profile=True))
    assert top.profile.looks == 10
    return top, [each for each in top.profile.work if each.application == "api@web1:42"]


def test_the_profile_names_wait_application_and_statement(counting: Target) -> None:
    """Of the sessions at work; literals are masked."""
    with SyncConnection(counting) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("BEGIN; LOCK t")
        with waiting(counting, "SELECT * FROM t WHERE a = 17", "api@web1:42"):
            top, (first, *rest) = profiled(counting)
    assert (first.wait, first.event, first.database) == ("Lock", "relation", counting.database)
    assert {each.query for each in (first, *rest)} == {"SELECT * FROM t WHERE a = ?"}
    assert sum(each.sessions for each in (first, *rest)) == pytest.approx(1.0)
    assert f"  {first.sessions:.1f}  Lock: relation  api " in " ".join(
        ("", *shown(top).splitlines())
    )
    assert "\nnext: dbtool locks\n" in shown(top)


def test_each_look_is_a_new_one(counting: Target) -> None:
    """Of a session that runs two statements in turns one answer sees both, one in each look."""
    sleeps = ("SELECT pg_sleep(0.03) AS a", "SELECT pg_sleep(0.03) AS b")
    with busy(counting, *sleeps):
        for _ in range(20):
            _, ours = profiled(counting)
            if len({each.query for each in ours}) == len(sleeps):
                break
        else:
            raise AssertionError("every look saw the same")
    assert sum(each.sessions for each in ours) <= 1.0 + 1e-9


def test_looks_that_come_too_late_are_left_out(
    counting: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is late ends with the looks it has, and says how many those are."""
    monkeypatch.setattr("dbtool.health.profile.LATEST", 0.0)
    with busy(counting, "SELECT pg_sleep(0.1)"):
        alone = read(counting, Wish(1, profile=True))
        window = read(counting, Wish(2))
    assert (alone.profile.looks, alone.profile.missed) == (1, 9)
    assert (window.profile.looks, window.profile.missed) == (2, 18)
    assert window.window is not None
    assert "only 1 of 10 looks at sessions were taken in that time" in shown(alone)
    idle = top_report(replace(alone, profile=replace(alone.profile, work=())))
    assert idle.headline == "nobody was at work in 1 look"


def test_a_window_is_not_stretched_without_end(
    counting: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where answers are so late that the time is over, the looks that are left are not taken."""
    monkeypatch.setattr("dbtool.health.top.STRETCHED", 0.0)
    window = read(counting, Wish(2))
    assert window.profile.looks <= 10
    assert window.profile.looks + window.profile.missed == 20


@contextmanager
def cancelled_once(target: Target) -> Iterator[None]:
    """End the first statement that sleeps in this database, as the server's own limit does."""
    ended: list[int] = []

    def run() -> None:
        until = time.monotonic() + LIMIT
        with SyncConnection(target) as connection:
            while not ended and time.monotonic() < until:
                ended.extend(row["pid"] for row in connection.fetch(SLEEPING))
                time.sleep(0.05)

    other = threading.Thread(target=run)
    other.start()
    try:
        yield
    finally:
        other.join()
    assert ended


def test_looks_that_the_server_ends(counting: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its limit comes first, one look is taken at once, and the rest is told all the same."""
    monkeypatch.setattr("dbtool.health.top.WINDOW_GLANCE_SECONDS", 60.0)
    with cancelled_once(counting):
        top = read(counting, Wish(600))
    assert (top.profile.looks, top.profile.missed) == (1, 9)
    assert top.window is not None


def test_round_trips(counting: Target) -> None:
    """The profile is one question; a window is four and one for every ten looks."""
    with proxy(counting) as through:
        read(through.target, Wish(1, profile=True))
        read(through.target, Wish(0.2))
        profile, window = through.connections
    assert profile.after_login == 2
    assert window.after_login <= 2 * 5


def test_where_statements_are_not_counted(database: Target) -> None:
    """What sessions do is told all the same, and what is missing with what mends it."""
    top = read(database, Wish(0.2))
    assert top.window is None
    (unknown, *_) = top_report(top).unknowns
    assert unknown.reason == "pg_stat_statements is loaded, but not installed in this database"
    assert unknown.decide == "CREATE EXTENSION pg_stat_statements"
    unloaded = replace(top, access=replace(top.access, loaded=False, schema=None))
    (unknown, *_) = top_report(unloaded).unknowns
    assert "not loaded" in unknown.reason
    assert "restart the server; CREATE EXTENSION" in unknown.decide


def test_a_plain_role(counting: Target) -> None:
    """It is told how many statements and sessions it cannot see, and the grant."""
    with SyncConnection(counting) as admin:
        admin.execute("CREATE ROLE onlooker_top LOGIN")
        admin.execute("GRANT USAGE ON SCHEMA public TO onlooker_top")
    try:
        with busy(counting, QUICK):
            for _ in range(20):  # a busy machine may end none of them within a window
                top = read(replace(counting, user="onlooker_top"), Wish(0.2))
                if len(top_report(top).unknowns) > 1:
                    break
    finally:
        with SyncConnection(counting) as admin:
            admin.execute("REVOKE ALL ON SCHEMA public FROM onlooker_top")
            admin.execute("DROP ROLE onlooker_top")
    assert top.window is not None
    assert top.window.hidden > 0
    unknowns = top_report(top).unknowns
    assert {each.rule for each in unknowns} == {"top.statements", "top.profile"}
    assert {each.decide for each in unknowns} == {"GRANT pg_monitor TO onlooker_top"}
    assert ", as far as this role can see" in top_report(top).headline


def test_counters_that_begin_anew() -> None:
    """After a reset what is there came since; a statement that did not run is left out."""
    once, more = Cost(1, 5.0, 0.0, 1, 0, 0, 0), Cost(4, 9.0, 0.0, 4, 2, 1, 8)
    keys = [(str(number), 10, 5) for number in range(4)]
    before = Counters({keys[0]: once, keys[1]: more, keys[2]: more}, 0)
    after = Counters({keys[0]: more, keys[1]: once, keys[2]: more, keys[3]: once}, 0)
    assert spent(before, after, frozenset({"3"})) == {
        keys[0]: Cost(3, 4.0, 0.0, 3, 2, 1, 8),
        keys[1]: once,
    }


def test_rules(counting: Target) -> None:
    """A server with little to do is not blamed; one statement that fills its time is named."""
    with busy(counting, QUICK, "SELECT pg_sleep(0.05)"):
        seen = read(counting, Wish(0.5, most=100))
    assert seen.window is not None
    quiet = replace(seen, window=replace(seen.window, exec_ms=0.04 * 1000 * seen.window.seconds))
    assert [list(rule.check(quiet)) for rule in TOP] == [[], []]
    with busy(counting, SPILLING):
        seen = with_all(counting, Wish(0.5, most=100), SPILLING)
    assert seen.window is not None
    mine = tuple(each for each in seen.window.top if each.database == counting.database)
    # As if each call had taken 50 ms, one after the other.
    total = 50.0 * sum(each.cost.calls for each in mine)
    alone = replace(
        seen, window=replace(seen.window, top=mine, exec_ms=total, seconds=total / 1000)
    )
    found = [finding for rule in TOP for finding in rule.check(alone)]
    assert {each.rule for each in found} == {"statement-dominates", "statement-spills"}
    assert all(each.fix and each.fix.code.startswith("dbtool explain --qu") for each in found)  # type: ignore[union-attr]


def test_the_command(counting: Target, dbtool: Dbtool) -> None:
    """Ends well, fits 80 columns, and refuses windows that make no sense."""
    url = counting.sqlalchemy_url()
    ran = dbtool("top", "--url", url, "--window", "0.5", "--fail-on", "never")
    assert (ran.code, ran.err) == (0, "watching for 0.5 s\n")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert dbtool("top", "--url", url, "--window", "2h").err == (
        "error: --window takes 0.5s to 10min\n"
    )
