"""Two sides are joined without a condition: every row of one meets every row of the other.

Why: a forgotten join condition multiplies the rows, and a DISTINCT or GROUP BY above hides it.

When: both sides returned more than one row and the product is 10,000 rows or more, and no
condition on either side speaks of the other. Where the product is meant, write CROSS JOIN and
allow it. PostgreSQL 14+.

Bad:
```sql
SELECT count(*) FROM shops s, customers c WHERE c.city = 'city 7';
```

Good:
```sql
SELECT count(*) FROM shops s JOIN customers c ON c.id = s.id WHERE c.city = 'city 7';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.unjoined import Unjoined, product
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name

NAME = rule_name(__name__)
LEAST_ROWS = 10_000


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report products of two sides."""
    for node in analysis.of_kind("Nested Loop"):
        sides = analysis.inputs(node)
        if node.rows < LEAST_ROWS or len(sides) != 2:
            continue
        outer, inner = sides
        multiplied = min(outer.rows, inner.rows / max(inner.loops, 1)) > 1
        if multiplied and (join := product(analysis.plan, node)):
            yield _finding(join, outer, inner)


def _finding(join: Unjoined, outer: Node, inner: Node) -> Finding:
    left, right = ", ".join(join.left), ", ".join(join.right)
    each = inner.rows / max(inner.loops, 1)
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"no condition joins {left} with {right}: {count(join.node.rows)} pairs of rows",
        certainty=Certainty.MEASURED,
        evidence=(f"{count(outer.rows)} rows on one side, {count(each)} on the other",),
        location=where(join.node),
    )
