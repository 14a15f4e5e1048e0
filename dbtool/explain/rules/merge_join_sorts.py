"""A merge join sorts both of its sides first.

Why: a merge join is cheap where its inputs come in order. Where both are sorted for it, the
sorts are the cost; an index in that order, or a hash join that fits into memory, avoids them.

When: both inputs are sorts, and the two take 20 % of the time and 5 ms or more. PostgreSQL 14+.

Bad:
```sql
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM orders o JOIN customers c ON c.name = o.courier;
```

Good:
```sql
SELECT count(*) FROM orders o JOIN customers c ON c.name = o.courier;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import duration, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.2
LEAST_TIME = 5.0
_SORTS = frozenset({"Sort", "Incremental Sort"})


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report merge joins that pay for two sorts."""
    for node in analysis.of_kind("Merge Join"):
        sorts = [_sort(analysis, each) for each in analysis.inputs(node)]
        if len(sorts) != 2 or None in sorts:
            continue
        if all(_of_cte(analysis, each) for each in sorts if each):
            continue
        time = sum(analysis.times.of(each).wall_ms for each in sorts if each)
        share = time / analysis.times.total_ms if analysis.times.total_ms else 0.0
        if share >= LEAST_SHARE and time >= LEAST_TIME:
            yield _finding(node, time, share)


def _sort(analysis: Analysis, node: Node) -> Node | None:
    """The sort that feeds a side, also where its rows are kept for going back."""
    if node.kind == "Materialize" and node.children:
        node = analysis.plan.node(node.children[0])
    return node if node.kind in _SORTS else None


def _of_cte(analysis: Analysis, sort: Node) -> bool:
    """Whether it sorts rows of a WITH query, which no index can deliver in order."""
    return [analysis.plan.node(each).kind for each in sort.children] == ["CTE Scan"]


def _finding(node: Node, time: float, share: float) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"a merge join sorts both sides: {duration(time)}, {percent(share)} of the time",
        certainty=Certainty.MEASURED,
        evidence=(
            f"it joins by {node.text('Merge Cond')}",
            "an index in that order on either side, or work_mem for a hash join, avoids it",
        ),
        location=where(node),
    )
