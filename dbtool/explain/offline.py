"""Judge plans somebody already has; no server is asked."""

from dbtool.explain.analysis import analyse
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.folding import judged
from dbtool.explain.plan import Plan
from dbtool.explain.source import read


def examine(text: str, name: str) -> Explained:
    """The plans in a text; `name` says where the text is from."""
    plans = read(text, name)
    return Explained(tuple(_examined(plan, place) for place, plan in enumerate(plans, 1)))


def _examined(plan: Plan, place: int) -> Examined:
    query = plan.props.get("Query Text")
    sql = query if isinstance(query, str) else f"plan {place}"
    if not plan.analysed:
        return Examined(sql, place, plan)
    analysis = analyse(plan)
    findings, unknowns = judged(analysis)
    return Examined(sql, place, plan, analysis.times, findings, unknowns)
