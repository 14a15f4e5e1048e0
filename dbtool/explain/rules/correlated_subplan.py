"""A subquery is run again for every row.

Why: it refers to the outer row, so PostgreSQL cannot run it once and look results up. A join to
the grouped rows, or LATERAL with an index, does the work once.

When: a subquery ran 100 times or more, and takes 10 % of the time and 5 ms or more. Subqueries
that PostgreSQL hashes run once and are left alone. PostgreSQL 14+.

Bad:
```sql
SELECT s.id, (SELECT max(o.total) FROM orders o WHERE o.shop_id = s.id) FROM shops s;
```

Good:
```sql
SELECT s.id, o.highest FROM shops s
LEFT JOIN (SELECT shop_id, max(total) AS highest FROM orders GROUP BY shop_id) o
  ON o.shop_id = s.id;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, duration, title, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_LOOPS = 100
LEAST_SHARE = 0.1
LEAST_TIME = 5.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report subqueries that run once per outer row."""
    for node in analysis.ran:
        if node.relationship != "SubPlan" or node.loops < LEAST_LOOPS:
            continue
        share = analysis.part_below(node)
        if share >= LEAST_SHARE and (node.time >= LEAST_TIME or not analysis.plan.timed):
            yield _finding(analysis, node, share)


def _finding(analysis: Analysis, node: Node, share: float) -> Finding:
    user = analysis.plan.parent(node)
    tables = [each.relation for each in (node, *analysis.plan.below(node)) if each.relation]
    of = f" over {', '.join(dict.fromkeys(tables))}" if tables else ""
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"the subquery{of} ran {count(node.loops)} times: {percent(share)} of the time",
        certainty=Certainty.MEASURED,
        evidence=(
            *([f"once per row of #{user.id} {title(user)}"] if user else ()),
            f"{duration(node.time / node.loops)} each time; write it as a join to grouped rows,"
            " or as LATERAL",
        ),
        location=where(node),
    )
