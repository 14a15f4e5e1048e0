"""Which node of a plan ran inside which; not always the one it is printed below.

An InitPlan runs inside the node that first needs its value, and a CTE inside the scans that
pull it: both are found by name, by the time and by the blocks that have to fit.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import ge, sub

from dbtool.explain.plan import Node, Plan

HALF_DIGIT = 0.0005
"""Milliseconds by which a printed time may be off per loop."""

_RETURNS = re.compile(r"\(returns ([^)]*)\)")
_PARAMETER = re.compile(r"\$(\d+)|\((InitPlan [^()]*)\)\.col\d+")
_FITS = 0.98
_TOLD = 0.05
"""The part of a node that must have run inside another for that to be worth telling."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`part` of the time and `blocks` of `inner` happened inside `outer`."""

    inner: int
    outer: int
    part: float
    blocks: tuple[int, ...]


class Forest:
    """Which node ran inside which: all but InitPlans in their parent, those along `shared`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shared: list[Edge] = []
        self.detached: list[int] = []
        self.blocks = ((), *(node.blocks for node in plan.nodes))
        self._time_inside: list[float] = []
        self._room_for_blocks: list[list[int]] = []

    def users(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """For each InitPlan and CTE the nodes it ran inside."""
        found: dict[int, list[int]] = defaultdict(list)
        for edge in self.shared:
            if edge.part >= _TOLD:
                found[edge.inner].append(edge.outer)
        return tuple((inner, tuple(outer)) for inner, outer in found.items())

    def place(self) -> None:
        """Put every node inside the one it ran in."""
        if shared := [node for node in self.plan.nodes if node.relationship == "InitPlan"]:
            self._place_shared(shared)

    def printed_below(self) -> Iterator[Node]:
        """The nodes that ran inside their parent."""
        return (node for node in self.plan.nodes[1:] if node.relationship != "InitPlan")

    def _place_shared(self, shared: list[Node]) -> None:
        self._time_inside = [0.0] * len(self.blocks)
        self._room_for_blocks = [list(blocks) for blocks in self.blocks]
        for node in self.printed_below():
            self._fill(node.parent, node.time, self.blocks[node.id])
        mentions = _mentions(self.plan)
        scans = _cte_scans(self.plan)
        ran = [node for node in shared if node.executed]
        for node in ran:
            if not node.subplan.startswith("CTE "):
                self._place_init_plan(node, mentions)
        for node in ran:
            if node.subplan.startswith("CTE "):
                self._place_cte(node, scans)

    def _put(self, node: Node, outer: int, part: float, blocks: tuple[int, ...]) -> None:
        edge = Edge(node.id, outer, part, blocks)
        self.shared.append(edge)
        self._fill(outer, node.time * part, blocks)

    def _fill(self, outer: int, time: float, blocks: tuple[int, ...]) -> None:
        """What ran inside a node leaves that much less room in it."""
        self._time_inside[outer] += time
        self._room_for_blocks[outer] = list(map(sub, self._room_for_blocks[outer], blocks))

    def _place_init_plan(self, node: Node, mentions: dict[str, list[int]]) -> None:
        mentioned = (number for name in _produced(node) for number in mentions[name])
        numbers = dict.fromkeys(self._user(node, number) for number in mentioned)
        users = [self.plan.node(number) for number in numbers if number]
        best = self._roomiest(node, users)
        if best is None:
            level = list(self._level(node))
            # A Limit does no work: time left over in it is that of its own expressions,
            # which are the only ones that are never printed.
            limits = [each for each in level if each.kind == "Limit"]
            best = self._roomiest(node, limits) or self._roomiest(node, level)
        owner = self.plan.node(node.parent)
        if best is None and users and owner not in users:
            # Workers of its own were sent home at the end, in the time of the node that owns it.
            self._split(node, [*users, owner])
        else:
            self._put_whole(node, best.id if best else owner.id)

    def _user(self, init_plan: Node, number: int) -> int:
        """The node that evaluates a mention, 0 if none did; the leader does so for workers."""
        owner = self.plan.node(init_plan.parent)
        if not owner.id <= number < owner.end or init_plan.id <= number < init_plan.end:
            return 0
        gather = self.plan.node(number).gather
        if gather and owner.id <= gather < owner.end and owner.gather != gather:
            number = gather
        return number if self.plan.node(number).executed else 0

    def _level(self, init_plan: Node) -> Iterator[Node]:
        owner = self.plan.node(init_plan.parent)
        for node in (owner, *self.plan.below(owner)):
            inside = init_plan.id <= node.id < init_plan.end
            if node.executed and not inside and node.gather == owner.gather:
                yield node

    def _roomiest(self, node: Node, candidates: list[Node]) -> Node | None:
        return max(self._fitting(node, candidates), key=self._room, default=None)

    def _fitting(self, node: Node, candidates: list[Node]) -> list[Node]:
        """Those with time and blocks left over in which the node can have run."""
        least_time = _FITS * node.time - HALF_DIGIT * node.loops
        return [
            each
            for each in candidates
            if self._room(each) >= least_time - HALF_DIGIT * each.loops
            and all(map(ge, self._room_for_blocks[each.id], self.blocks[node.id]))
        ]

    def _room(self, node: Node) -> float:
        """Time of a node that nothing put inside it accounts for yet."""
        room = self._left(node)
        if node.is_gather and node.children:
            child = gathered(self.plan, node)
            room += child.time - child.time / participants(node, child)
        return room

    def _left(self, node: Node) -> float:
        """The room of a node even if one process did all the work below it."""
        return node.time - self._time_inside[node.id]

    def _place_cte(self, node: Node, scans: dict[str, list[int]]) -> None:
        owner = self.plan.node(node.parent)
        candidates = [
            self.plan.node(number)
            for number in scans[node.subplan.removeprefix("CTE ")]
            if owner.id <= number < owner.end and not node.id <= number < node.end
        ]
        candidates = [each for each in candidates if each.executed]
        if not candidates:
            self.detached.append(node.id)
            return
        whole = self._fitting(node, candidates)
        if whole or len(candidates) == 1:
            best = min(whole or candidates, key=lambda each: abs(self._room(each) - node.time))
            self._put_whole(node, best.id)
        else:
            self._split(node, candidates)

    def _split(self, node: Node, candidates: list[Node]) -> None:
        """Several nodes ran it piece by piece: fill them in order of their room."""
        candidates.sort(key=self._left, reverse=True)
        time_left, blocks_left = 1.0, list(self.blocks[node.id])
        for place, each in enumerate(candidates):
            last = place == len(candidates) - 1
            room = max(self._left(each), 0.0) / node.time if node.time else 0.0
            part = min(time_left, room)
            free = [max(room, 0) for room in self._room_for_blocks[each.id]]
            blocks = tuple(blocks_left) if last else tuple(map(min, blocks_left, free))
            time_left -= part
            blocks_left = list(map(sub, blocks_left, blocks))
            if part > 0 or any(blocks):
                self._put(node, each.id, part, blocks)
        self._put_rest(node, time_left, candidates[-1].id)

    def _put_whole(self, node: Node, outer: int) -> None:
        """Put a node inside another, as far as there is room for it."""
        room = self._room(self.plan.node(outer)) / node.time if node.time else 1.0
        part = min(max(room, 0.0), 1.0)
        self._put(node, outer, part, self.blocks[node.id])
        self._put_rest(node, 1.0 - part, outer)

    def _put_rest(self, node: Node, part: float, outer: int) -> None:
        """What is left over was spent when workers were sent home, inside the node that owns it."""
        if part > 0:
            owner = self.plan.node(node.parent)
            fits = self._room(owner) >= part * node.time
            nothing = (0,) * len(self.blocks[node.id])
            self._put(node, owner.id if fits else outer, part, nothing)


def _produced(init_plan: Node) -> list[str]:
    """The names under which expressions mention an InitPlan's value."""
    if returns := _RETURNS.search(init_plan.subplan):
        return [name.strip().lstrip("$") for name in returns[1].split(",")]
    return [init_plan.subplan]


def _mentions(plan: Plan) -> dict[str, list[int]]:
    """Which nodes mention which InitPlan value in one of their expressions."""
    found: dict[str, list[int]] = defaultdict(list)
    for node in plan.nodes:
        for value in node.props.values():
            for text in value if isinstance(value, list) else (value,):
                if isinstance(text, str) and ("$" in text or "InitPlan" in text):
                    for number, name in _PARAMETER.findall(text):
                        found[number or name].append(node.id)
    return found


def _cte_scans(plan: Plan) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for node in plan.nodes:
        if node.kind == "CTE Scan":
            found[node.text("CTE Name")].append(node.id)
    return found


def gathered(plan: Plan, gather: Node) -> Node:
    """The node below a Gather that its workers run."""
    below = [node for node in plan.children(gather) if node.relationship != "InitPlan"]
    return below[0] if below else gather


def participants(gather: Node, child: Node) -> float:
    """Processes that ran the child, by its loops: the leader may not have, a worker may be late."""
    return max(child.loops / gather.loops, 1.0) if gather.loops else 1.0
