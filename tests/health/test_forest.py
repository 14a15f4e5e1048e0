"""The lock forest on lock tables of any shape and size, beside a plain reading of the rules."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, permutations

import pytest

from dbtool.database.lockmodes import CONFLICTS
from dbtool.health.forest import Forest, forest
from dbtool.health.graph import Graph
from dbtool.health.identity import Rights, Server
from dbtool.health.locks import Locks
from dbtool.health.locktable import Lock, LockTable
from dbtool.health.participant import Session
from dbtool.health.queue import LISTED
from dbtool.health.session import Endpoint
from dbtool.health.view_locks import locks_report
from dbtool.render.screen import Screen
from dbtool.render.terminal import render

MODES = tuple(CONFLICTS)


def lock(key: str, mode: str, pid: int, seconds: float | None = None) -> Lock:
    """A lock that is granted, or waited for since some seconds."""
    kind = "relation" if key.startswith("t") else "transactionid"
    return Lock(key, kind, key, mode, seconds is None, pid, pid, seconds)


def table_of(*locks: Lock) -> LockTable:
    """A lock table of sessions that look alike."""
    return LockTable(locks, {each.holder: session(each.holder) for each in locks}, {})


def session(pid: int) -> Session:
    """A session that runs something."""
    return Session(
        pid=pid,
        leader=None,
        backend_type="client backend",
        backend_start="2026-11-21T03:00:00+00:00",
        query_start="2026-11-21T03:00:00+00:00",
        application=f"api@web{pid}:1",
        role="app",
        superuser=False,
        database="shop",
        client="10.0.0.5",
        state="active",
        transaction_seconds=20.0,
        query_seconds=20.0,
        state_seconds=20.0,
        query="UPDATE orders SET state = ? WHERE id = ?",
        revision=None,
        wraparound=False,
    )


def by_the_book(locks: list[Lock], waiter: Lock) -> set[int]:
    """Who holds what conflicts, and who wants what conflicts and came before."""
    return {
        each.group
        for each in locks
        if each.key == waiter.key
        and each.group != waiter.group
        and each.mode in CONFLICTS[waiter.mode]
        and (each.granted or (each.seconds or 0) > (waiter.seconds or 0))
    }


@pytest.mark.parametrize("seed", range(40))
def test_edges_and_roots_of_random_tables(seed: int) -> None:
    """Whoever waits holds nothing there yet: then the order of the queue is that of arrival."""
    dice = random.Random(seed)
    pids = iter(range(1, 1000))
    locks = []
    for key in ("t1", "t2", "t3"):
        locks += [lock(key, dice.choice(MODES), next(pids)) for _ in range(dice.randint(1, 4))]
    held = {(each.key, each.group) for each in locks}
    holders = [each.group for each in locks]
    for key in ("t1", "t2", "t3"):
        for _ in range(dice.randint(0, 8)):
            older = [each for each in holders if (key, each) not in held]
            pid = dice.choice(older) if older and dice.random() < 0.3 else next(pids)
            holders = [each for each in holders if each != pid]
            locks.append(lock(key, dice.choice(MODES), pid, dice.uniform(1, 100)))
    while idle := [each for each in locks if not each.granted and not by_the_book(locks, each)]:
        locks = [each for each in locks if each not in idle]
    graph = Graph(locks)
    waiters = [each for each in locks if not each.granted]
    truth = {each.group: by_the_book(locks, each) for each in waiters}
    assert {group: set(graph.blockers(group)) for group in truth} == truth
    for node in forest(table_of(*locks)).nodes:
        if node.waits is not None and truth[node.id]:
            assert node.parent in truth[node.id] or node.parent is None
            assert node.roots == len(_ends(node.id, truth)) or _circular(truth)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_who_waits_is_called_the_root(seed: int) -> None:
    """However the times of those who came together are mixed up, or missing."""
    dice = random.Random(seed)
    holders = [lock("t1", mode, pid) for pid, mode in enumerate(dice.sample(MODES, 2), 1)]
    waits: list[Lock] = []
    for pid in range(3, 12):
        wanted = lock("t1", dice.choice(MODES), pid, 50.0 - pid)
        if by_the_book([*holders, *waits], wanted):
            waits.append(wanted)
    mixed = [replace(each, seconds=dice.choice((1.0, 2.0, None))) for each in waits]
    dice.shuffle(mixed)
    grown = forest(table_of(*holders, *mixed))
    assert grown.waiters == len(waits)
    assert all(node.blockers for node in grown.nodes if node.waits)
    assert {node.id for node in grown.roots} <= {1, 2}


def test_a_waiter_that_holds_already_is_not_lost_whatever_the_times_say() -> None:
    """It goes before those whom it keeps out, and waits for one whose time may say it came late."""
    holders = (lock("t1", "ShareLock", 1), lock("t1", "RowShareLock", 2))
    wanted = (
        (3, "RowExclusiveLock"),
        (2, "ShareLock"),
        (4, "AccessExclusiveLock"),
        (5, "RowShareLock"),
    )
    for times in permutations((4.0, 3.0, 2.0, 1.0)):
        waits = [
            lock("t1", mode, pid, each) for (pid, mode), each in zip(wanted, times, strict=True)
        ]
        grown = forest(table_of(*holders, *waits))
        assert {node.id for node in grown.nodes if node.waits} == {2, 3, 4, 5}, times
        assert [node.id for node in grown.roots] == [1], times
        assert grown.cycles == ()
        assert set(Graph([*holders, *waits]).blockers(2)) == {3}


def test_the_first_of_those_who_are_about_to_go_on_is_whom_the_others_wait_for() -> None:
    """Whoever kept it out has just decided, or is the look itself."""
    going = lock("t1", "AccessExclusiveLock", 1, 3.0)
    behind = [lock("t1", "AccessShareLock", pid, 1.0 / pid) for pid in (2, 3)]
    grown = forest(table_of(going, *behind))
    (root,) = grown.roots
    assert (root.id, root.waits, root.followers, grown.waiters) == (1, None, 2, 2)


def test_who_waits_for_what_nobody_holds_is_about_to_go_on() -> None:
    """As does who waits for the look itself: the others behind it wait for a running statement."""
    going = lock("v1", "ShareLock", 1, 0.01)
    assert forest(table_of(going)) == Forest()
    behind = (lock("t1", "ShareUpdateExclusiveLock", 1), lock("t1", "ShareLock", 2, 3.0))
    (root,) = forest(table_of(going, *behind)).roots
    assert (root.id, root.waits, root.followers) == (1, None, 1)


def _ends(start: int, truth: dict[int, set[int]]) -> set[int]:
    """Those at the far end of somebody's waits."""
    seen, ahead, ends = {start}, [start], set[int]()
    while ahead:
        group = ahead.pop()
        before = truth.get(group, set())
        if not before:
            ends.add(group)
        ahead += before - seen
        seen |= before
    return ends


def _circular(truth: dict[int, set[int]]) -> bool:
    def reaches(start: int) -> bool:
        seen: set[int] = set()
        ahead = [*truth.get(start, ())]
        while ahead:
            group = ahead.pop()
            if group == start:
                return True
            if group not in seen:
                seen.add(group)
                ahead += truth.get(group, ())
        return False

    return any(map(reaches, truth))


def test_a_circle_is_told_and_cut_open() -> None:
    """Two that wait for each other, and one behind them: nothing recurses for ever."""
    table = table_of(
        lock("x1", "ExclusiveLock", 1),
        lock("x2", "ExclusiveLock", 2),
        lock("x2", "ShareLock", 1, 5.0),
        lock("x1", "ShareLock", 2, 4.0),
        lock("x1", "ShareLock", 3, 3.0),
    )
    grown = forest(table)
    assert len(grown.cycles) == 1
    assert set(grown.cycles[0]) == {1, 2}
    assert len(grown.roots) == 1
    assert {node.id for node in grown.nodes} == {1, 2, 3}
    assert "in a circle" in shown(grown)


def test_holders_name_whom_they_keep_out() -> None:
    """Direct ones are counted all and listed up to a limit."""
    waiting = [lock("t1", "AccessShareLock", 100 + n, 50.0 - n) for n in range(30)]
    grown = forest(table_of(lock("t1", "AccessExclusiveLock", 1), *waiting))
    (root,) = grown.roots
    assert (root.blocks, len(root.blocked), root.followers) == (30, LISTED, 30)
    assert root.release is not None
    assert (root.release.at_once_count, root.release.later) == (30, 0)


def shown(grown: Forest, width: int = 80) -> str:
    """The report as plain text of that width."""
    locks = Locks(
        Endpoint("app@db.example.com:5432/shop"),
        Server("18.6", 180006, False, "2026-11-21T03:00:00+00:00"),
        Rights("app", True, "GRANT pg_monitor TO app"),
        grown,
    )
    return render(locks_report(locks), Screen(width, color=False, drawing=False))


def hot_row(waiters: int) -> LockTable:
    """One holder, one whose turn it is, and the rest behind."""
    first = [
        lock("x1", "ExclusiveLock", 1),
        lock("x1", "ShareLock", 2, 99.0),
        Lock("r", "tuple", "a row of orders", "ExclusiveLock", True, 2, 2, None),
    ]
    rest = [
        Lock("r", "tuple", "a row of orders", "ExclusiveLock", False, pid, pid, 90 - pid / 1e4)
        for pid in range(3, waiters + 2)
    ]
    return table_of(*first, *rest)


def convoys(waiters: int) -> LockTable:
    """Ten tables, each with two readers, an ALTER that waits, and traffic behind it."""
    locks = []
    for number in range(10):
        key, base = f"t{number}", 10_000 * (number + 1)
        locks += [lock(key, "AccessShareLock", base + each) for each in (1, 2)]
        locks.append(lock(key, "AccessExclusiveLock", base + 3, 90.0))
        locks += [
            lock(key, "AccessShareLock", base + 4 + each, 80 - each / 1e4)
            for each in range(waiters // 10 - 1)
        ]
    return table_of(*locks)


def hurried(waiters: int) -> LockTable:
    """Traffic behind an ALTER that joined the queue and has not yet written down when."""
    alter = replace(lock("t1", "AccessExclusiveLock", 2, 0.0), seconds=None)
    traffic = (lock("t1", "AccessShareLock", 10 + n, 9 - n / 1e4) for n in range(waiters - 1))
    return table_of(lock("t1", "AccessShareLock", 1), alter, *traffic)


def chain_of(waiters: int) -> LockTable:
    """Each waits for the one before."""
    locks = [lock(f"x{pid}", "ExclusiveLock", pid) for pid in range(1, waiters + 2)]
    waits = (lock(f"x{pid - 1}", "ShareLock", pid, 50.0) for pid in range(2, waiters + 2))
    return table_of(*chain(locks, waits))


SHAPES = (hot_row, convoys, hurried, chain_of)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [80, 200])
def test_two_hundred_waiters_fit_forty_lines(shape: Callable[[int], LockTable], width: int) -> None:
    """Whatever the shape: fan-out, depth and width are folded, and nobody is lost in the count."""
    grown = forest(shape(200))
    text = shown(grown, width)
    assert grown.waiters == 200
    assert text.startswith("200 sessions wait for locks, up to ")
    assert len(text.splitlines()) < 40, text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("shape", SHAPES)
def test_grows_no_faster_than_the_queue(shape: Callable[[int], LockTable]) -> None:
    """Eight times as many waiters take far less than the 64 times a quadratic tree would."""
    small, large = (min(_taken(shape(size)) for _ in range(3)) for size in (250, 2000))
    assert large / small < 24


def _taken(table: LockTable) -> float:
    begin = time.process_time()
    forest(table)
    return time.process_time() - begin
