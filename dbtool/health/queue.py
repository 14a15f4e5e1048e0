"""Who waits for whom at one locked thing: holders, and the queue behind them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice

from dbtool.database.lockmodes import CONFLICTS
from dbtool.health.locktable import Lock

LISTED = 20
"""How many of those in the way of one session, or behind it, are named."""


class Queue:
    """The holders of one thing and those who wait for it, in the server's order.

    A request that conflicts with an earlier one waits behind it, even where nobody who holds
    the lock is in its way: that is how a waiting ALTER TABLE holds up readers.
    """

    def __init__(self, locks: Iterable[Lock]) -> None:
        self.holders: dict[int, set[str]] = {}
        self.waiting: list[Lock] = []
        waits = []
        for lock in locks:
            if lock.granted:
                self.holders.setdefault(lock.group, set()).add(lock.mode)
            else:
                waits.append(lock)
        self._holding: dict[str, tuple[int, ...]] = {}
        self._line_up(sorted(waits, key=_arrival))
        self._places = {id(lock): place for place, lock in enumerate(self.waiting)}
        self._nearest: dict[int, list[int]] = {}
        self._depths: dict[int, int] = {}
        self._by_mode: dict[str, list[Lock]] = {}
        self._modes: dict[int, list[str]] = {}
        self._note_order()

    def _line_up(self, arrivals: Iterable[Lock]) -> None:
        """Put them into the server's order, as far as their times tell it.

        A time is written down a moment after joining the queue, so that those that came together
        may have changed places. Whoever seems to wait for nobody came after somebody who
        keeps it out; one whom nobody keeps out is about to go on, and waits no more.
        """
        early: list[Lock] = []
        for lock in arrivals:
            if self._kept_out(lock):
                self._join(lock, early)
            else:
                early.append(lock)
        for lock in tuple(early):
            if _among(early, lock):
                self._overtaken(lock, early)
        self._let_go_on(early)

    def _join(self, lock: Lock, early: list[Lock]) -> None:
        """Into the queue, and right behind it those who came too early to wait for it."""
        joined = [lock]
        for ahead in joined:
            joined += [each for each in early if self._after(ahead, each)]
            early[:] = [each for each in early if not self._after(ahead, each)]
        place = min(map(self._place, joined))
        self.waiting[place:place] = joined

    def _overtaken(self, lock: Lock, early: list[Lock]) -> None:
        """Into the queue with whom it waits for, before those whom its holder keeps out."""
        keepers = [each for each in self.waiting if self._after(each, lock)]
        for keeper in sorted(keepers, key=lambda each: not self.hard(each))[:1]:
            self.waiting = [each for each in self.waiting if each is not keeper]
            self._join(keeper, early)

    def _let_go_on(self, early: list[Lock]) -> None:
        """The first of those left holds what it wants in a moment: others may wait for that."""
        for lock in early:
            if any(self._after(lock, each) for each in early):
                self.holders.setdefault(lock.group, set()).add(lock.mode)
                self._holding.clear()
                self._line_up(each for each in early if each is not lock)
                return

    def _kept_out(self, lock: Lock) -> bool:
        """Whether a holder or somebody before its place is in its way."""
        ahead = islice(self.waiting, self._place(lock))
        return bool(self.hard(lock)) or any(self._after(each, lock) for each in ahead)

    def _after(self, ahead: Lock, lock: Lock) -> bool:
        """Whether one waits for the other; never for whom its own group keeps out."""
        if ahead.mode not in CONFLICTS[lock.mode] or ahead.group == lock.group:
            return False
        return not self.holders.get(lock.group, set()) & CONFLICTS[ahead.mode]

    def _place(self, lock: Lock) -> int:
        """Before the first who must wait for what this one holds already; else at the end."""
        if held := self.holders.get(lock.group):
            for place, earlier in enumerate(self.waiting):
                if earlier.group != lock.group and held & CONFLICTS[earlier.mode]:
                    return place
        return len(self.waiting)

    def hard(self, lock: Lock) -> list[int]:
        """Those who hold what it waits for."""
        mode = lock.mode
        if mode not in self._holding:
            self._holding[mode] = tuple(
                group for group, held in self.holders.items() if held & CONFLICTS[mode]
            )
        return [group for group in self._holding[mode] if group != lock.group]

    def soft(self, lock: Lock) -> Iterator[int]:
        """Those before it in the queue who want what it must not share, first come first."""
        rivals = (self._by_mode.get(mode, []) for mode in CONFLICTS[lock.mode])
        for earlier in merge(*rivals, key=self._order):
            if self._order(earlier) >= self._order(lock):
                return
            if earlier.group != lock.group:
                yield earlier.group

    def _order(self, lock: Lock) -> int:
        return self._places[id(lock)]

    def nearest(self, lock: Lock) -> list[int]:
        """The last of them for each mode: whoever the others wait for, these wait for too."""
        return self._nearest[id(lock)]

    def wanting(self, group: int) -> tuple[int, list[int]]:
        """How many want what a holder holds, and the first few of them."""
        held = self.holders[group]
        wanting = [mode for mode in self._by_mode if held & CONFLICTS[mode]]
        count = sum(len(self._by_mode[mode]) for mode in wanting)
        few = [each.group for mode in wanting for each in islice(self._by_mode[mode], LISTED + 1)]
        own = sum(mode in wanting for mode in self._modes.get(group, ()))
        return count - own, [each for each in few if each != group][:LISTED]

    def depth(self, lock: Lock) -> int:
        """How many are before it."""
        return len(self.hard(lock)) + self._depths[id(lock)]

    def _note_order(self) -> None:
        """What is before each one, for all of them in one pass."""
        last: dict[str, int] = {}
        wanted: Counter[str] = Counter()
        for lock in self.waiting:
            ahead = [mode for mode in last if mode in CONFLICTS[lock.mode]]
            self._nearest[id(lock)] = [last[mode] for mode in ahead if last[mode] != lock.group]
            self._depths[id(lock)] = sum(wanted[mode] for mode in ahead)
            last[lock.mode] = lock.group
            wanted[lock.mode] += 1
            self._by_mode.setdefault(lock.mode, []).append(lock)
            self._modes.setdefault(lock.group, []).append(lock.mode)

    def granted_without(self, gone: int) -> Iterator[Lock]:
        """Whom the server would let go on at once if that one were not there."""
        held: dict[str, set[int]] = {}
        for group, modes in self.holders.items():
            for mode in modes if group != gone else ():
                held.setdefault(mode, set()).add(group)
        ahead: set[str] = set()
        for lock in self.waiting:
            if lock.group == gone:
                continue
            conflicts = CONFLICTS[lock.mode]
            if conflicts & ahead or any(_others(held.get(mode), lock) for mode in conflicts):
                ahead.add(lock.mode)
            else:
                held.setdefault(lock.mode, set()).add(lock.group)
                yield lock


def _others(holders: set[int] | None, lock: Lock) -> bool:
    return holders is not None and (len(holders) > 1 or lock.group not in holders)


def _among(locks: Iterable[Lock], lock: Lock) -> bool:
    """Whether that very one is among them."""
    return any(each is lock for each in locks)


def _arrival(lock: Lock) -> float:
    """The longest wait first; who has no time yet has just come."""
    return math.inf if lock.seconds is None else -lock.seconds
