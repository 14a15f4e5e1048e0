"""Who waits for whom on the whole server, and what would free them."""

from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from dbtool.health.graph import NOBODY, ROW_TURN, TRANSACTION, VIRTUAL, Graph
from dbtool.health.locktable import Lock, LockTable
from dbtool.health.participant import Prepared, Session
from dbtool.health.queue import LISTED
from dbtool.health.remedy import Remedy, remedy

WEIGHED = 50
"""For how many of those in the way it is worked out what their end would release."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What somebody waits for, and since how many seconds; None where that is not yet known."""

    mode: str
    thing: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Release:
    """What the end of one participant would do: who goes on `at_once`, and how many later.

    `later` wait for nobody else in the end, but for those who go on first; `still` would wait
    for others. `at_once` names the first, `at_once_count` counts all.
    """

    at_once: tuple[int, ...]
    at_once_count: int
    later: int
    still: int
    queued: int
    in_turn: bool
    beside: bool


@dataclass(frozen=True, slots=True)
class Node:
    """A participant of a queue; `id` is its pid, below zero for a prepared transaction.

    `blockers` are those it waits for directly, the first of them named. `parent` is the one
    whose turn comes right before. `roots` counts those at the far end, `followers` all who
    stand behind this one in the tree, `longest` is how long one of them waits. `blocks` counts
    those who want what it holds, the first of them `blocked`.
    """

    id: int
    session: Session | None
    prepared: Prepared | None
    waits: Wait | None
    holds: tuple[str, ...]
    blockers: tuple[int, ...]
    blocker_count: int
    blocks: int
    blocked: tuple[int, ...]
    parent: int | None
    roots: int
    followers: int
    longest: float
    release: Release | None
    remedy: Remedy | None


@dataclass(frozen=True, slots=True)
class Forest:
    """Everybody who waits for a lock or is waited for, parents before children.

    It is not `known` where the lock table could not be read.
    """

    nodes: tuple[Node, ...] = ()
    waiters: int = 0
    cycles: tuple[tuple[int, ...], ...] = ()
    known: bool = True

    @property
    def roots(self) -> tuple[Node, ...]:
        """Those who wait for nobody, or only in a circle; most followers first."""
        return tuple(node for node in self.nodes if node.parent is None)

    def children(self) -> dict[int, list[Node]]:
        """The nodes by their parent."""
        found: dict[int, list[Node]] = {}
        for node in self.nodes:
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node)
        return found

    def node(self, number: int) -> Node | None:
        """The node of one participant."""
        return next((node for node in self.nodes if node.id == number), None)


UNKNOWN = Forest(known=False)


def forest(table: LockTable) -> Forest:
    """The forest of a lock table; linear in its rows but for those who hold the same thing."""
    return _Planting(table).forest()


class _Planting:
    """Puts the participants into an order in which nobody stands before whom it waits for."""

    def __init__(self, table: LockTable) -> None:
        self._table = table
        self._graph = Graph(table.locks)
        self._edges = self._graph.edges()
        self._cycles: list[tuple[int, ...]] = []
        self._order = self._sorted()
        self._places = {group: place for place, group in enumerate(self._order)}
        self._parents = {group: self._parent(group) for group in self._order}
        self._blocked = self._graph.blocked()

    def forest(self) -> Forest:
        """All nodes, the trees with most waiters first."""
        followers = self._followers()
        trees = self._trees()
        order = sorted(
            self._order,
            key=lambda group: (-followers[trees[group]], trees[group], self._places[group]),
        )
        weighed = self._weighed(followers)
        nodes = tuple(self._node(group, followers[group], group in weighed) for group in order)
        return Forest(nodes, len(self._graph.waits), tuple(self._cycles))

    def _sorted(self) -> tuple[int, ...]:
        """Blockers before those who wait for them; circles are noted and cut open."""
        while True:
            try:
                return tuple(TopologicalSorter(self._edges).static_order())
            except CycleError as error:
                circle: list[int] = error.args[1][:-1]
                self._cycles.append(tuple(circle))
                self._edges[circle[1 % len(circle)]].discard(circle[0])

    def _parent(self, group: int) -> int | None:
        """The first who holds what it waits for, else the first before it in the queue."""
        mine = self._places[group]
        candidates = [*islice(self._graph.blockers(group), LISTED), *self._edges.get(group, ())]
        placed = [each for each in candidates if self._places[each] < mine]
        idle = [each for each in placed if each not in self._graph.waits]
        return next(iter(idle or placed), None)

    def _trees(self) -> dict[int, int]:
        """The root of the tree that each one stands in."""
        found: dict[int, int] = {}
        for group in self._order:
            parent = self._parents[group]
            found[group] = group if parent is None else found[parent]
        return found

    def _followers(self) -> dict[int, int]:
        found = dict.fromkeys(self._order, 0)
        for group in reversed(self._order):
            if (parent := self._parents[group]) is not None:
                found[parent] += found[group] + 1
        return found

    def _weighed(self, followers: dict[int, int]) -> set[int]:
        """Those with somebody right behind them, the most followed first."""
        leading = {parent for parent in self._parents.values() if parent is not None}
        return set(sorted(leading, key=lambda group: -followers[group])[:WEIGHED])

    def _node(self, group: int, followers: int, weighed: bool) -> Node:
        session = self._table.sessions.get(group)
        prepared = self._table.prepared.get(group)
        wait = self._wait(group)
        release = self._release(group) if weighed else None
        return Node(
            id=group,
            session=session,
            prepared=prepared,
            waits=wait,
            holds=self._holds(group) if weighed else (),
            blockers=tuple(islice(self._graph.blockers(group), LISTED)),
            blocker_count=self._graph.blocker_count(group),
            blocks=self._blocked.get(group, NOBODY).number,
            blocked=self._blocked.get(group, NOBODY).first,
            parent=self._parents[group],
            roots=len(self._roots[group]),
            followers=followers,
            longest=self._longest.get(group, 0.0),
            release=release,
            remedy=remedy(group, session, prepared, self._advisory(group)) if weighed else None,
        )

    def _wait(self, group: int) -> Wait | None:
        locks = self._graph.waits.get(group)
        if not locks:
            return None
        lock = max(locks, key=lambda each: each.seconds or 0)
        return Wait(lock.mode, self._named(lock, group), lock.seconds)

    def _named(self, lock: Lock, group: int) -> str:
        """A row is not in the lock table; but whose turn it is locks its place in a table."""
        if lock.kind != TRANSACTION:
            return lock.thing
        if self._concurrently(lock):
            return f"the end of {lock.thing}"
        return self._rows.get(group) or f"a row or key of {lock.thing}"

    @cached_property
    def _rows(self) -> dict[int, str]:
        return {
            lock.group: lock.thing
            for lock in self._table.locks
            if lock.kind == ROW_TURN and lock.granted
        }

    @cached_property
    def _roots(self) -> dict[int, frozenset[int]]:
        """Those at the far end of each one's waits."""
        found: dict[int, frozenset[int]] = {}
        for group in self._order:
            ends = {found[each] for each in self._edges.get(group, ())}
            if len(ends) < 2:
                found[group] = next(iter(ends), frozenset({group}))
            else:
                found[group] = frozenset().union(*ends)
        return found

    @cached_property
    def _longest(self) -> dict[int, float]:
        """The longest wait of those who stand behind each one in the tree."""
        found: dict[int, float] = {}
        for group in reversed(self._order):
            if (parent := self._parents[group]) is not None:
                waits = [each.seconds or 0.0 for each in self._graph.waits.get(group, ())]
                found[parent] = max(found.get(parent, 0.0), found.get(group, 0.0), *waits)
        return found

    def _release(self, group: int) -> Release:
        granted = list(self._graph.freed_by(group))
        freed = list(dict.fromkeys(lock.group for lock in granted))
        behind = [ends for each, ends in self._roots.items() if each != group and group in ends]
        alone = sum(len(ends) == 1 for ends in behind)
        gone = set(freed)
        sole = sum(len(self._roots[each]) == 1 and group in self._roots[each] for each in gone)
        later = alone - sole
        own = {lock.key for lock in self._graph.waits.get(group, ())}
        beside = {self._concurrently(lock) for lock in granted if lock.kind == TRANSACTION}
        return Release(
            at_once=tuple(freed[:LISTED]),
            at_once_count=len(freed),
            later=later,
            still=len(behind) - alone,
            queued=sum(lock.key in own for lock in granted),
            in_turn=False in beside,
            beside=True in beside or any(lock.kind == VIRTUAL for lock in granted),
        )

    def _concurrently(self, lock: Lock) -> bool:
        """A prepared transaction has no virtual id: CONCURRENTLY waits for its own."""
        session = self._table.sessions.get(lock.group)
        return session is not None and session.concurrently

    def _holds(self, group: int) -> tuple[str, ...]:
        """What others wait for and this one holds."""
        found = []
        for lock in self._table.locks:
            if lock.group == group and lock.granted and lock.key in self._graph.queues:
                queue = self._graph.queues[lock.key]
                if any(group in queue.hard(each) for each in queue.waiting[:1]):
                    found.append(f"{lock.mode} on {lock.thing}")
        return tuple(dict.fromkeys(found))

    def _advisory(self, group: int) -> bool:
        """Whether what it holds others up with may outlive its transaction."""
        return any(
            self._graph.kinds[key] == "advisory" and group in self._graph.queues[key].holders
            for key in self._graph.touched.get(group, ())
        )
