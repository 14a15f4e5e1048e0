"""A sequential scan reads many rows to keep a few.

Why: without an index that leads to the rows, PostgreSQL reads the whole table and throws nearly
everything away. The time grows with the table, not with the answer.

When: at least 10,000 rows were read, ten times as many discarded as kept, and the scan takes
5 % of the time or more. Counted by the server, so this is measured. Where the proposed index
exists already or could not serve the condition, the finding says so instead. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders WHERE customer_id = 42;
```

Good:
```sql
CREATE INDEX CONCURRENTLY ix_orders_customer_id ON orders (customer_id);
SELECT * FROM orders WHERE customer_id = 42;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.indexes import propose
from dbtool.explain.plan import Node
from dbtool.explain.rules.cast_hides_index import hidden
from dbtool.explain.wording import count, duration, times, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_READ = 10_000
LEAST_RATIO = 10


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report sequential scans whose filter keeps almost nothing."""
    for node in analysis.of_kind("Seq Scan"):
        if discards(node) and analysis.matters(node) and not hidden(analysis, node):
            yield _finding(analysis, node)


def discards(node: Node) -> bool:
    """Whether the node reads many rows to keep a few."""
    removed = node.number("Rows Removed by Filter") * node.loops
    return removed >= LEAST_RATIO * max(node.rows, 1) and removed + node.rows >= LEAST_READ


def _finding(analysis: Analysis, node: Node) -> Finding:
    read = node.rows + node.number("Rows Removed by Filter") * node.loops
    condition = node.text("Filter")
    proposal = propose(analysis, node, condition)
    again = f" in {times(node.loops, 'loop')}" if node.loops > 1 else ""
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: {count(read)} rows read{again} to keep {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{_cost(analysis, node)}; the condition is {condition}",
            *proposal.evidence,
        ),
        location=where(node),
        fix=proposal.fix,
    )


def _cost(analysis: Analysis, node: Node) -> str:
    if not analysis.plan.timed:
        return "the plan carries no times"
    share = analysis.times.of(node)
    return f"the scan took {duration(share.wall_ms)}, {percent(analysis.part(node))} of the time"
