"""Which nodes of a plan get a line of the table, and which are told by the line of another."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from dbtool.explain.plan import Node, Plan
from dbtool.explain.selftime import Times
from dbtool.explain.wording import label

FOLD_FROM = 16
"""Plans with fewer nodes are shown whole."""

COLD = 0.01
"""Share of the time below which a subtree without findings is one line."""

COLDER = (0.02, 0.05, 0.1, 0.2, 0.5)
"""The same for plans that would take more than MOST lines, the first that keeps them below."""

MOST = 100
"""Lines from which on more is folded."""

ALIKE = 4
"""Cold nodes of one kind beside each other from which on they are one line."""

DEEP = 8
"""Levels beyond which a tree is indented by one blank each instead of two."""

DEEPEST = 24
"""Levels beyond which a tree is indented no further, and tells them by their number."""


_TABLES = 2


class Line(NamedTuple):
    """One node that is shown, standing for `folded` nodes below it or beside it too.

    `rows` are those of all of them, where several beside each other are one line; `weight` is
    their time. A line that stands for a stretch of nodes says nothing of one of them.
    """

    node: Node
    name: str
    weight: float
    folded: int = 0
    rows: float | None = None
    stretch: bool = False

    @property
    def last(self) -> int:
        """The number of the last node it stands for."""
        return self.node.id + self.folded


class Weights(NamedTuple):
    """What each node takes, and what it takes with all below it; the first place is empty.

    Of a plan without times it is what the planner expects, by which only large plans are folded;
    without costs, how many nodes there are.
    """

    own: Sequence[float]
    summed: Sequence[float]
    total: float
    fold_from: int = FOLD_FROM


def by_time(plan: Plan, times: Times) -> Weights:
    """Where the time went, where the nodes carry times."""
    if not plan.timed:
        return by_cost(plan)
    own = [0.0, *(share.wall_ms for share in times.shares)]
    summed = own.copy()
    for node in reversed(plan.nodes[1:]):
        summed[node.parent] += summed[node.id]
    total = times.total_ms or summed[1]
    return Weights(own, summed, total, FOLD_FROM if total else MOST)


def by_cost(plan: Plan) -> Weights:
    """What the planner expects: of a LIMIT, what is below it counts, as it may cost more."""
    summed = [0.0, *(node.total_cost for node in plan.nodes)]
    if not any(summed):
        sizes = [0.0, *(float(node.end - node.id) for node in plan.nodes)]
        return Weights([0.0, *(1.0 for _ in plan.nodes)], sizes, sizes[1], MOST)
    own = summed.copy()
    for node in plan.nodes[1:]:
        own[node.parent] -= node.total_cost
    for node in reversed(plan.nodes[1:]):
        summed[node.parent] = max(summed[node.parent], summed[node.id])
    return Weights(own, summed, summed[1], MOST)


def lines(plan: Plan, weights: Weights, whole: frozenset[int]) -> list[Line]:
    """The nodes worth a line, those in `whole` among them; few of a plan however large it is."""
    if len(plan.nodes) < weights.fold_from:
        step = _step(plan)
        return [Line(node, _name(node, step), weights.own[node.id]) for node in plan.nodes]
    kept = _kept(plan, whole | {plan.root.id})
    found = list(islice(_folded(plan, weights, kept, COLD), MOST + 1))
    if len(found) <= MOST:
        return found
    slowest = max(plan.nodes, key=lambda node: weights.own[node.id])
    telling = whole | {plan.root.id}
    if weights.own[slowest.id] >= COLDER[1] * weights.total:
        telling |= {slowest.id}
    kept = _kept(plan, telling)
    for least in COLDER:
        found = list(islice(_folded(plan, weights, kept, least), MOST + 1))
        if len(found) <= MOST:
            return found
    every = list(_folded(plan, weights, kept, COLD))
    return list(_stretches(weights, every, telling, _step(plan)))


def _folded(plan: Plan, weights: Weights, kept: list[bool], least: float) -> Iterator[Line]:
    """Subtrees that take less are one line, and so are many of them in a row."""
    cold = least * weights.total
    number, step = 1, _step(plan)
    while number <= len(plan.nodes):
        node = plan.node(number)
        if kept[number] or not _cold(node, weights, cold):
            yield Line(node, _name(node, step), weights.own[node.id])
            number += 1
            continue
        alike = _alike(plan, node, weights, kept, cold)
        together = len(alike) >= ALIKE
        line = _together(alike, weights, step) if together else _below(plan, node, weights, step)
        yield line
        number = line.last + 1


def _alike(plan: Plan, first: Node, weights: Weights, kept: list[bool], cold: float) -> list[Node]:
    """A cold node and those of its kind right beside it that are cold too."""
    found, number = [first], first.end
    while number <= len(plan.nodes) and not first.subplan:
        node = plan.node(number)
        same = (node.parent, node.kind, node.executed) == (first.parent, first.kind, first.executed)
        if not same or node.subplan or kept[number] or not _cold(node, weights, cold):
            break
        found.append(node)
        number = node.end
    return found


def _together(alike: list[Node], weights: Weights, step: int) -> Line:
    """Nodes beside each other as one line, by the first of them."""
    first, *others = alike
    named = f"{_name(first, step)} and {len(others):,} more like it"
    rows = sum(node.rows for node in alike)
    weight = sum(weights.summed[node.id] for node in alike)
    return Line(first, named, weight, alike[-1].end - first.id - 1, rows)


def _below(plan: Plan, node: Node, weights: Weights, step: int) -> Line:
    """A node and what is below it."""
    name = _name(node, step)
    if below := node.end - node.id - 1:
        name += f" (+{below:,}{_tables(plan, node)})"
    return Line(node, name, weights.summed[node.id], below)


def _cold(node: Node, weights: Weights, cold: float) -> bool:
    little = weights.summed[node.id] < cold or not weights.total
    return little or (node.actual is not None and not node.executed)


def _tables(plan: Plan, node: Node) -> str:
    """The first tables below a folded node."""
    relations = (each.relation for each in plan.below(node) if each.relation)
    named: dict[str, None] = {}
    for relation in relations:
        named[relation] = None
        if len(named) > _TABLES:
            break
    more = ", …" if len(named) > _TABLES else ""
    return f": {', '.join(islice(named, _TABLES))}{more}" if named else ""


def _kept(plan: Plan, whole: frozenset[int]) -> list[bool]:
    """Which nodes have one of these at or below them."""
    kept = [False] * (len(plan.nodes) + 1)
    for number in whole:
        while number and not kept[number]:
            kept[number] = True
            number = plan.node(number).parent
    return kept


def _stretches(
    weights: Weights, found: list[Line], telling: frozenset[int], step: int
) -> Iterator[Line]:
    """Lines one after the other that each take little, as those of a deep tree, are one."""
    little = COLDER[0] * weights.total
    for merge, run in groupby(
        found, key=lambda line: line.weight <= little and line.node.id not in telling
    ):
        several = list(run)
        if not merge or len(several) < ALIKE:
            yield from several
            continue
        first, last = several[0].node, several[-1].last
        name = f"{_indent(first, step)}… {last - first.id + 1:,} nodes that take little each"
        weight = sum(line.weight for line in several)
        yield Line(first, name, weight, last - first.id, stretch=True)


def _step(plan: Plan) -> int:
    """Blanks by which each level is set in."""
    return 1 if plan.depth > DEEP else 2


def _name(node: Node, step: int) -> str:
    """A node's label, indented to show the tree."""
    return _indent(node, step) + label(node)


def _indent(node: Node, step: int) -> str:
    if node.depth <= DEEPEST:
        return " " * step * node.depth
    return f"{' ' * step * DEEPEST}(level {node.depth:,}) "
