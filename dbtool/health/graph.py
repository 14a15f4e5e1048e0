"""What each participant waits for, over all queues of a lock table."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from dbtool.health.locktable import Lock
from dbtool.health.queue import LISTED, Queue

ROW_TURN = "tuple"
"""The lock that orders those who wait for one row: to get it is not yet to go on."""

TRANSACTION = "transactionid"
"""The lock of a transaction on itself: who wants a row or key that it changed waits for that."""

VIRTUAL = "virtualxid"
"""The same, numbered or not: CONCURRENTLY waits for those in its way, one after the other."""


class Blocked(NamedTuple):
    """How many want what somebody holds, and the first of them."""

    number: int
    first: tuple[int, ...]


NOBODY = Blocked(0, ())


class Graph:
    """Every queue of a lock table, and what each participant waits for in them."""

    def __init__(self, locks: Iterable[Lock]) -> None:
        rows: dict[str, list[Lock]] = {}
        for lock in locks:
            rows.setdefault(lock.key, []).append(lock)
        self.kinds = {key: locks[0].kind for key, locks in rows.items()}
        self.queues = {
            key: Queue(locks) for key, locks in rows.items() if not all(x.granted for x in locks)
        }
        self._at_turn = {
            lock.group
            for locks in rows.values()
            for lock in locks
            if lock.kind == ROW_TURN and lock.granted
        }
        self.waits: dict[int, list[Lock]] = {}
        self.touched: dict[int, set[str]] = {}
        for key, queue in self.queues.items():
            for lock in queue.waiting:
                self.waits.setdefault(lock.group, []).append(lock)
            for group in (*queue.holders, *(lock.group for lock in queue.waiting)):
                self.touched.setdefault(group, set()).add(key)

    def blockers(self, group: int) -> Iterator[int]:
        """Those a participant waits for, as pg_blocking_pids lists them: holders go first."""
        seen = set()
        for lock in self.waits.get(group, ()):
            queue = self.queues[lock.key]
            for each in chain(queue.hard(lock), queue.soft(lock)):
                if each not in seen:
                    seen.add(each)
                    yield each

    def blocker_count(self, group: int) -> int:
        """How many those are; who both holds and waits counts twice where there are many."""
        few = sum(1 for _ in islice(self.blockers(group), LISTED + 1))
        if few <= LISTED:
            return few
        return sum(self.queues[lock.key].depth(lock) for lock in self.waits[group])

    def blocked(self) -> dict[int, Blocked]:
        """Who wants what each holder holds."""
        found: dict[int, Blocked] = {}
        for queue in self.queues.values():
            for group in queue.holders:
                count, first = queue.wanting(group)
                before = found.get(group, NOBODY)
                named = (*before.first, *first)[:LISTED]
                found[group] = Blocked(before.number + count, named)
        return found

    def edges(self) -> dict[int, set[int]]:
        """As many of those as are needed to reach all others."""
        found: dict[int, set[int]] = {}
        for group, locks in self.waits.items():
            ahead = found.setdefault(group, set())
            for lock in locks:
                queue = self.queues[lock.key]
                ahead.update(queue.hard(lock), queue.nearest(lock))
        return found

    def freed_by(self, gone: int) -> Iterator[Lock]:
        """What would be granted at once if one participant were not there, and lets somebody go on.

        All who wait for one transaction are woken together. Who has the turn at a row of it goes
        on; to want a key of it takes no turn, and may end in a wait for whoever got it: of those
        only one is counted.
        """
        for key in sorted(self.touched.get(gone, ())):
            granted = self.queues[key].granted_without(gone)
            if self.kinds[key] == TRANSACTION:
                yield from self._woken(list(granted))
            elif self.kinds[key] != ROW_TURN:
                yield from granted

    def _woken(self, granted: list[Lock]) -> Iterator[Lock]:
        yield from (lock for lock in granted if lock.group in self._at_turn)
        yield from islice((lock for lock in granted if lock.group not in self._at_turn), 1)
