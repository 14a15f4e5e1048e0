"""A subquery that runs once takes a good part of the whole time.

Why: its value does not depend on the rows around it, so it runs once, before the first row that
needs it. Its time is printed inside another node, which then looks slow.

When: it takes 20 % of the time and 10 ms or more, in a statement that is more than its
subqueries. Where it finds a highest or lowest value, an
index on that column answers it at once. PostgreSQL 14+.

Bad:
```sql
SELECT id FROM shops WHERE id = (SELECT max(shop_id) FROM orders WHERE note LIKE '%s%o%d%d%');
```

Good:
```sql
CREATE INDEX ON orders (shop_id);
SELECT id FROM shops WHERE id = (SELECT max(shop_id) FROM orders);
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import duration, title, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.2
LEAST_TIME = 10.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report subqueries that dominate, and who waited for them."""
    for node in analysis.ran:
        if node.relationship == "InitPlan" and not node.subplan.startswith("CTE "):
            share = analysis.part_below(node)
            dear = share >= LEAST_SHARE and node.time >= LEAST_TIME and node.rows <= 1
            if dear and not _is_all(analysis, node):
                yield _finding(analysis, node, share)


def _is_all(analysis: Analysis, node: Node) -> bool:
    """Whether nothing else is done above it: also `SELECT max(id)` is planned in that way."""
    above = analysis.plan.node(node.parent)
    beside = analysis.plan.children(above)
    return above.kind == "Result" and all(each.relationship == "InitPlan" for each in beside)


def _finding(analysis: Analysis, node: Node, share: float) -> Finding:
    users = next((outer for inner, outer in analysis.times.users if inner == node.id), ())
    waited = [f"#{number} {title(analysis.plan.node(number))}" for number in users]
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"a subquery that runs once takes {duration(node.time)},"
        f" {percent(share)} of the time",
        certainty=Certainty.MEASURED,
        evidence=(f"it ran inside {' and '.join(waited)}",) if waited else (),
        location=where(node),
    )
