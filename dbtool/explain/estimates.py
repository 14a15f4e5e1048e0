"""How far the planner's row estimates were off, where that means something.

A raw quotient of estimated and actual rows misleads on about half of the nodes it flags: rows
are printed rounded per loop, a node under a LIMIT never had the chance to return them all, and
workers print their share. What these explain is not counted.
"""

from dataclasses import dataclass
from functools import cached_property

from dbtool.explain.plan import Node, Plan

_ROUNDED = 0.5
_ROUNDED_SINCE_18 = 0.005
_BLOCKING = frozenset({"Sort", "Hash", "Materialize", "Bitmap Index Scan", "Incremental Sort"})
_NO_ROWS = frozenset({"BitmapAnd", "BitmapOr", "ModifyTable"})
_LEADER_COST = 0.3
"""Share of the leader's time that serving one worker takes, as the planner assumes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rows expected and rows seen per loop; `factor` is above 1 where more came than expected."""

    expected: float
    seen: float
    factor: float

    @property
    def off(self) -> float:
        """How many times too high or too low, at least 1."""
        return self.factor if self.factor >= 1 else 1 / self.factor


class Estimates:
    """The estimates of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._partial = _partial(plan)
        self._half_digit = _half_digit(plan)
        self._found: dict[int, Estimate | None] = {}

    @cached_property
    def _cut(self) -> list[bool]:
        return _cut_short(self._plan)

    def of(self, node: Node) -> Estimate | None:
        """The estimate of a node; None where nothing can be said about it."""
        if node.id not in self._found:
            self._found[node.id] = self._judged(node)
        return self._found[node.id]

    def _judged(self, node: Node) -> Estimate | None:
        actual = node.actual
        if actual is None or not actual.loops or node.kind in _NO_ROWS:
            return None
        expected, seen, half_digit = node.plan_rows, actual.rows, self._half_digit
        if self._partial[node.id]:
            gather = self._plan.node(node.gather)
            expected *= _divisor(gather)
            scale = node.loops / max(gather.loops, 1)
            seen, half_digit = seen * scale, half_digit * scale
        # The planner never expects less than one row.
        expected = expected if expected > 1.0 else 1.0
        if seen == expected:
            return Estimate(expected, seen, 1.0)
        low, high = max(seen - half_digit, 1.0), max(seen + half_digit, 1.0)
        if low <= expected <= high:
            return Estimate(expected, seen, 1.0)
        if expected < low:
            return Estimate(expected, seen, low / expected)
        return None if self._cut[node.id] else Estimate(expected, seen, high / expected)


def _half_digit(plan: Plan) -> float:
    """How far printed rows may be off: PostgreSQL 18 prints two decimals, so rows are floats."""
    decimals = any(isinstance(node.actual.rows, float) for node in plan.nodes if node.actual)
    return _ROUNDED_SINCE_18 if decimals else _ROUNDED


def _divisor(gather: Node) -> float:
    """By what the planner divides rows among the processes below a Gather."""
    workers = gather.number("Workers Planned")
    return workers + max(0.0, 1.0 - _LEADER_COST * workers)


def _partial(plan: Plan) -> list[bool]:
    """Which nodes return only a process's part of their rows.

    An aggregate below a Gather does too, but its rows are estimated for each process.
    """
    partial = [False] * (len(plan.nodes) + 1)
    for node in reversed(plan.nodes):
        if node.gather:
            below = [
                partial[child.id]
                for child in plan.children(node)
                if child.relationship in ("Outer", "Member", "Subquery")
            ]
            parallel = node.props.get("Parallel Aware") is True or any(below)
            partial[node.id] = parallel and node.kind != "Aggregate"
    return partial


def _cut_short(plan: Plan) -> list[bool]:
    """Which nodes may have been stopped before they had returned all their rows."""
    cut = [False] * (len(plan.nodes) + 1)
    limited = any(node.kind == "Limit" for node in plan.nodes)
    for node in plan.nodes[1:]:
        above = plan.node(node.parent)
        if node.relationship in ("InitPlan", "SubPlan"):
            cut[node.id] = limited or not node.subplan.startswith("CTE ")
        else:
            cut[node.id] = _stops_early(plan, above, node) or (
                cut[above.id] and not _reads_everything(above)
            )
    return cut


def _stops_early(plan: Plan, above: Node, node: Node) -> bool:
    if above.kind in ("Limit", "Merge Join"):
        return True
    if node.relationship == "Inner":
        only_first = above.props.get("Inner Unique") is True and above.kind == "Nested Loop"
        return only_first or above.text("Join Type") in ("Semi", "Anti")
    if above.kind == "Hash Join" and node.relationship == "Outer":
        return any(each.kind == "Hash" and not each.rows for each in plan.children(above))
    return False


def _reads_everything(node: Node) -> bool:
    return node.kind in _BLOCKING or (
        node.kind == "Aggregate" and node.text("Strategy") in ("Plain", "Hashed", "Mixed")
    )
