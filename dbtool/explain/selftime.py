"""Where the time of a plan really went: each node's own time and own blocks.

PostgreSQL prints inclusive figures. A node's own share is what remains of it after what ran
inside it; every node runs inside exactly one other (or is split over several), so the shares
sum to the root. Below a Gather, elapsed time is that of the process everything waited for.
"""

from dataclasses import dataclass
from operator import sub

from dbtool.explain.containment import HALF_DIGIT, Forest, gathered, participants
from dbtool.explain.plan import Buffers, Node, Plan


@dataclass(slots=True)
class Share:
    """One node's own part of the statement, in milliseconds and blocks.

    `wall_ms` is the part of the elapsed time, `busy_ms` the work of all processes together; they
    differ below a Gather. `bound_ms` is how far rounding in the printed figures may be off.
    Not frozen, as what a plan has once per node.
    """

    wall_ms: float
    busy_ms: float
    bound_ms: float
    buffers: Buffers | None
    approximate: bool = False
    consistent: bool = True


@dataclass(frozen=True, slots=True)
class Times:
    """The shares of all nodes, in the order of the plan's nodes.

    `users` tells for InitPlans and CTEs inside which nodes they ran. `detached` are CTEs that
    ran after the root had finished; their time is not in `total_ms`.
    """

    shares: tuple[Share, ...]
    total_ms: float
    users: tuple[tuple[int, tuple[int, ...]], ...] = ()
    detached: tuple[int, ...] = ()

    def of(self, node: Node) -> Share:
        """The share of one node."""
        return self.shares[node.id - 1]

    def part(self, node: Node) -> float:
        """The node's own time as a fraction of the whole."""
        return max(self.of(node).wall_ms, 0.0) / self.total_ms if self.total_ms > 0 else 0.0


def measure(plan: Plan) -> Times:
    """Attribute a plan's time and blocks to its nodes."""
    forest = Forest(plan)
    forest.place()
    wall = _Wall(plan)
    users = forest.users()
    return Times(_shares(plan, forest, wall), plan.root.time, users, tuple(forest.detached))


class _Wall:
    """Elapsed time in each node, what ran inside it included."""

    def __init__(self, plan: Plan) -> None:
        self.inclusive = [0.0, *(node.time for node in plan.nodes)]
        self.approximate = [False] * (len(plan.nodes) + 1)
        self._plan = plan
        for gather in plan.nodes:
            if gather.is_gather and gather.executed:
                self._follow_critical_process(gather)

    def _follow_critical_process(self, gather: Node) -> None:
        child = gathered(self._plan, gather)
        nodes = [node for node in self._plan.below(gather) if node.gather == gather.id]
        processes = _processes(child)
        if len(processes) > 1:
            process = max(processes, key=lambda each: _time_in(child, each))
            for node in nodes:
                self.inclusive[node.id] = _time_in(node, process)
        elif (count := participants(gather, child)) > 1:
            for node in nodes:
                self.inclusive[node.id] /= count
                self.approximate[node.id] = True
            self.approximate[gather.id] = True
        self._fit(gather, child, nodes)

    def _fit(self, gather: Node, child: Node, nodes: list[Node]) -> None:
        """Workers may outlive their Gather (under a LIMIT); nobody waited for the rest."""
        longest = self.inclusive[child.id]
        if longest > gather.time:
            for node in nodes:
                self.inclusive[node.id] *= gather.time / longest
                self.approximate[node.id] = True


_LEADER = -1


def process_times(node: Node) -> tuple[float, ...]:
    """How long each process that the plan tells apart spent in a node, the leader first."""
    return tuple(_time_in(node, process) for process in _processes(node))


def _processes(node: Node) -> tuple[int, ...]:
    """The processes whose times the plan tells apart."""
    return (_LEADER, *(worker.number for worker in node.workers if worker.actual))


def _time_in(node: Node, process: int) -> float:
    workers = {each.number: each.time for each in node.workers if each.actual}
    if process != _LEADER:
        return workers.get(process, 0.0)
    return max(node.time - sum(workers.values()), 0.0)


def _shares(plan: Plan, forest: Forest, wall: _Wall) -> tuple[Share, ...]:
    own = wall.inclusive.copy()
    busy = [0.0, *(node.time for node in plan.nodes)]
    bound = [0.0, *(HALF_DIGIT * node.loops for node in plan.nodes)]
    total, own_bound, blocks = busy.copy(), bound.copy(), list(forest.blocks)
    for node in forest.printed_below():
        inner, outer = node.id, node.parent
        own[outer] -= wall.inclusive[inner]
        busy[outer] -= total[inner]
        own_bound[outer] += bound[inner]
        if inside := forest.blocks[inner]:
            blocks[outer] = tuple(map(sub, blocks[outer], inside))
    for edge in forest.shared:
        own[edge.outer] -= wall.inclusive[edge.inner] * edge.part
        busy[edge.outer] -= total[edge.inner] * edge.part
        own_bound[edge.outer] += bound[edge.inner]
        if edge.blocks:
            blocks[edge.outer] = tuple(map(sub, blocks[edge.outer], edge.blocks))
    shares = []
    for number, node in enumerate(plan.nodes, 1):
        # What workers do together is more than elapsed time; a Gather's own part is waiting.
        work = own[number] if node.is_gather else busy[number]
        alone = blocks[number] is forest.blocks[number]
        # By position: by name a Share takes three times as long to make.
        shares.append(
            Share(
                _settled(own[number], own_bound[number]),
                _settled(work, own_bound[number]),
                own_bound[number],
                node.buffers if alone else Buffers(*blocks[number]),
                wall.approximate[number],
                own[number] >= -own_bound[number],
            )
        )
    return tuple(shares)


def _settled(value: float, bound: float) -> float:
    """Rounding may leave a little less than nothing; anything more is left to be seen."""
    return value if value >= 0 or value < -bound else 0.0
