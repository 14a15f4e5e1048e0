"""An index-only scan has to visit the table after all.

Why: an index does not know which rows are visible. An index-only scan saves the visit to the
table only for pages that VACUUM has marked all-visible; for the others it fetches the row.

When: 1,000 fetches or more, for 5 % of the rows or more, and the scan takes 5 % of the time or
more. A table that is written all the time stays partly unmarked: then vacuum it more often.
PostgreSQL 14+.

Bad:
```sql
UPDATE orders SET note = 'changed';
SELECT count(*) FROM orders WHERE placed_at >= '2026-01-20';
```

Good:
```sql
UPDATE orders SET note = 'changed';
VACUUM orders;
SELECT count(*) FROM orders WHERE placed_at >= '2026-01-20';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.report import percent
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
LEAST_FETCHES = 1_000
LEAST_SHARE = 0.05


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report index-only scans that fetch from the table."""
    for node in analysis.ran:
        if node.kind == "Index Only Scan" and analysis.matters(node):
            fetches = node.number("Heap Fetches")
            looked_at = node.rows + node.number("Rows Removed by Filter") * node.loops
            if fetches >= LEAST_FETCHES and fetches >= LEAST_SHARE * looked_at:
                yield _finding(analysis, node, fetches, looked_at)


def _finding(analysis: Analysis, node: Node, fetches: float, looked_at: float) -> Finding:
    name = ".".join(quoted(part) for part in (node.text("Schema"), node.relation) if part)
    share = percent(min(1.0, fetches / max(looked_at, 1)))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: an index-only scan fetched {count(fetches)} rows from the table"
        f" ({share})",
        certainty=Certainty.MEASURED,
        evidence=(f"it takes {percent(analysis.part(node))} of the time", *_map(analysis, node)),
        location=where(node),
        fix=Fix("sql", f"VACUUM (ANALYZE) {name};", "mark the pages all-visible"),
    )


def _map(analysis: Analysis, node: Node) -> tuple[str, ...]:
    table = analysis.table(node)
    if table is None or table.pages <= 0:
        return ()
    marked = f"{count(table.all_visible)} of {count(table.pages)}"
    return (f"when it was last vacuumed or analysed, {marked} pages were all-visible",)
