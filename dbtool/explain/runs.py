"""A statement run several times: the first, the fastest, the middle, and what the clock costs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median_high

from dbtool.explain.plan import Plan

TICK_MS = 0.00004
"""Milliseconds of one start or stop of a node's clock on a good machine; others are slower."""

WORTH_MEASURING = 0.1
"""The share of the execution that its clock may take before a run without it is worth it."""

MOST_RUNS = 100


@dataclass(frozen=True, slots=True)
class Runs:
    """The executions of one statement in order; `plan` is of the one in the middle.

    `cold` tells that the first had to fetch blocks which the last found in shared buffers.
    `untimed_ms` is an execution without a clock at every node, where that was worth one.
    """

    times_ms: tuple[float, ...]
    cold: bool
    untimed_ms: float | None = None
    plan: Plan = field(default_factory=lambda: Plan(()), metadata={"json": False})

    @property
    def first(self) -> float:
        """The first execution, in milliseconds."""
        return self.times_ms[0]

    @property
    def least(self) -> float:
        """The fastest execution after the first."""
        return min(self.times_ms[1:] or self.times_ms)

    @property
    def median(self) -> float:
        """The middle of the executions after the first; of two, the slower, whose plan it is."""
        return median_high(self.times_ms[1:] or self.times_ms)

    @property
    def clock(self) -> float:
        """The share of the time that went into measuring it."""
        if self.untimed_ms is None or not self.median:
            return 0.0
        return max(0.0, 1.0 - self.untimed_ms / self.median)


Execution = Callable[[bool], Awaitable[Plan]]


async def repeat(execute: Execution, count: int) -> Runs:
    """Run a statement as often as asked, and once without the clock if that may matter."""
    plans = [await execute(True) for _ in range(count)]
    times = tuple(plan.execution_ms or 0.0 for plan in plans)
    cold = _fetched(plans[0]) > _fetched(plans[-1])
    middle = sorted(plans[1:] or plans, key=lambda plan: plan.execution_ms or 0.0)
    chosen = middle[len(middle) // 2]
    untimed = None
    if count > 1 and ticking(chosen) >= WORTH_MEASURING:
        untimed = (await execute(False)).execution_ms
    return Runs(times, cold, untimed, chosen)


def ticking(plan: Plan) -> float:
    """The share of the execution that reading the clock takes at least."""
    ticks = 2 * sum(node.rows + node.loops for node in plan.nodes)
    return ticks * TICK_MS / plan.execution_ms if plan.execution_ms else 0.0


def _fetched(plan: Plan) -> int:
    return plan.root.buffers.read if plan.root.buffers else 0
