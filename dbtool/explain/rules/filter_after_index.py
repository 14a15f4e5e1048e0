"""An index finds many rows of which a filter then discards most.

Why: the index covers a part of the condition only. Each row it finds is fetched from the table
to be looked at and thrown away, often one random page per row.

When: at least 1,000 rows were discarded after an index or bitmap scan, four times as many as
were kept, and the scan takes 5 % of the time or more. PostgreSQL 14+.

Bad:
```sql
CREATE INDEX ix_orders_shop_id ON orders (shop_id);
SELECT * FROM orders WHERE shop_id = 3 AND courier = 'courier 77';
```

Good:
```sql
CREATE INDEX ix_orders_shop_id_courier ON orders (shop_id, courier);
SELECT * FROM orders WHERE shop_id = 3 AND courier = 'courier 77';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.indexes import propose
from dbtool.explain.plan import Node
from dbtool.explain.rules.ordered_scan_filters import reads_on
from dbtool.explain.wording import count, duration, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_REMOVED = 1_000
LEAST_RATIO = 4
_KINDS = frozenset({"Index Scan", "Index Only Scan", "Bitmap Heap Scan"})


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report index scans that find far more rows than the filter keeps."""
    for node in analysis.ran:
        if node.kind in _KINDS and (per_loop := node.number("Rows Removed by Filter")):
            kept, removed = max(node.rows / node.loops, 1), per_loop * node.loops
            enough = removed >= LEAST_REMOVED and per_loop >= LEAST_RATIO * kept
            if enough and analysis.matters(node) and not reads_on(analysis, node):
                yield from _finding(analysis, node, removed)


def _finding(analysis: Analysis, node: Node, removed: float) -> Iterator[Finding]:
    found_by = node.text("Index Cond") or node.text("Recheck Cond")
    proposal = propose(analysis, node, found_by, node.text("Filter"))
    if "SubPlan" in node.text("Filter") and not proposal.columns:
        return  # The rows go by what another table holds, which no index on this one knows.
    share = duration(analysis.times.of(node).wall_ms)
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: an index finds {count(node.rows + removed)} rows, a filter keeps"
        f" {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"the scan took {share}, {percent(analysis.part(node))} of the time",
            f"found by {found_by or 'reading the index in order'}, then filtered by"
            f" {node.text('Filter')}",
            *proposal.evidence,
        ),
        location=where(node),
        fix=proposal.fix,
    )
