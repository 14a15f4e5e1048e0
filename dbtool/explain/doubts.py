"""Why somebody has to agree before a statement is run: it may be heavy, or do more than read."""

from collections.abc import Iterator

from dbtool.explain import safety
from dbtool.explain.facts import Facts
from dbtool.explain.limits import LIMITS
from dbtool.explain.plan import Plan
from dbtool.guard import Standing
from dbtool.report import listed

_PENALTY = 1e10
UNREAD = "It hands a function SQL that is put together only while it runs."


def reasons(known: Facts, plan: Plan, standing: Standing) -> Iterator[str]:
    """A sentence for each reason to ask; none for what may simply be run."""
    limit = LIMITS[standing].cost
    if (cost := _cost(plan)) > limit:
        yield (
            f"Its planner cost is {cost:,.0f}; without a yes dbtool runs up to {limit:,.0f} here."
        )
    if doubtful := safety.doubtful(known, standing):
        yield f"It calls {safety.listed(doubtful)}, which may do more than read."
    if programs := safety.programs(plan):
        yield f"Reading its foreign tables runs {listed(programs)} on the server."
    if remote := safety.elsewhere(plan):
        yield f"It reads {listed(remote)} on another server, whose transaction is not read-only."


def _cost(plan: Plan) -> float:
    """What the planner expects to spend; before 18 a scan that is switched off adds a fine."""
    fined = any(not node.children and node.startup_cost >= _PENALTY for node in plan.nodes)
    return plan.root.total_cost % _PENALTY if fined else plan.root.total_cost
