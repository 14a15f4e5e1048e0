"""Who waits for whom at one locked thing: holders, and the queue behind them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from dbtool.health.lockmodes import CONFLICTS
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

        A time is written down a moment after joining the queue, so that two that came together
        may have changed places. Whoever seems to wait for nobody came after somebody who
        keeps it out; one whom nobody keeps out is about to go on, and waits no more.
        """
        early: list[Lock] = []
        for lock in arrivals:
            place = self._place(lock)
            if self._kept_out(lock, place):
                self._join(lock, place, early)
            else:
                early.append(lock)

    def _join(self, lock: Lock, place: int, early: list[Lock]) -> None:
        """Into the queue, and right behind it those who came too early to wait for it."""
        self.waiting.insert(place, lock)
        for each in tuple(early):
            if each in early and lock.mode in CONFLICTS[each.mode] and each.group != lock.group:
                early.remove(each)
                self._join(each, self.waiting.index(lock) + 1, early)

    def _kept_out(self, lock: Lock, place: int) -> bool:
        """Whether a holder or somebody before that place is in its way."""
        conflicts = CONFLICTS[lock.mode]
        return bool(self.hard(lock)) or any(
            earlier.mode in conflicts and earlier.group != lock.group
            for earlier in islice(self.waiting, place)
        )

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
        for earlier in islice(self.waiting, self._places[id(lock)]):
            if earlier.mode in CONFLICTS[lock.mode] and earlier.group != lock.group:
                yield earlier.group

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


def _arrival(lock: Lock) -> float:
    """The longest wait first; who has no time yet has just come."""
    return math.inf if lock.seconds is None else -lock.seconds
