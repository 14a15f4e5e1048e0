"""Advice on memory that says how often it would be taken."""

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import plenty
from dbtool.finding import Fix
from dbtool.report import counted

_USERS = ("Sort", "Incremental Sort", "Hash", "Aggregate", "Memoize", "Materialize", "WindowAgg")


def allowance(kilobytes: float) -> Fix:
    """The setting for one transaction under which a node would stay in memory."""
    code = f"SET LOCAL work_mem = '{plenty(kilobytes)}';"
    return Fix("sql", code, "in the transaction of this query")


def caution(analysis: Analysis) -> str:
    """How often one execution may take work_mem, and where to set it."""
    times = sum(
        1
        if not node.gather
        else 1 + round(analysis.plan.node(node.gather).number("Workers Launched"))
        for node in analysis.of_kind(*_USERS)
    )
    taken = f"this plan may take it {counted(times, 'time')} at once" if times > 1 else ""
    scope = "set it for the transaction or the role, not for the server"
    return "; ".join(part for part in (taken, scope) if part)
