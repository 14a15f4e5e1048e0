"""A LIMIT sorts a whole table to return its first few rows.

Why: without an index in the order that is asked for, every row has to be read and compared
before the first can be returned.

When: a sort for a LIMIT took in 10,000 rows or more, a hundred times what it returned, straight
from a scan, and both take 20 % of the time and 5 ms or more. An index in that order returns the
first rows at once. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders ORDER BY total DESC LIMIT 10;
```

Good:
```sql
CREATE INDEX ix_orders_total ON orders (total);
SELECT * FROM orders ORDER BY total DESC LIMIT 10;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.indexes import propose_order
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_ROWS = 10_000
LEAST_RATIO = 100
LEAST_SHARE = 0.2
LEAST_TIME = 5.0
_SCANS = frozenset({"Seq Scan", "Index Scan", "Bitmap Heap Scan"})


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report sorts of many rows for a few."""
    for node in analysis.of_kind("Sort"):
        inputs = analysis.inputs(node)
        if node.text("Sort Method") != "top-N heapsort" or len(inputs) != 1:
            continue
        (scan,) = inputs
        enough = scan.rows >= LEAST_ROWS and scan.rows >= LEAST_RATIO * max(node.rows, 1)
        if enough and scan.kind in _SCANS and _costs(analysis, node):
            yield _finding(analysis, node, scan)


def _costs(analysis: Analysis, node: Node) -> bool:
    share = analysis.part_below(node)
    return share >= LEAST_SHARE and share * analysis.times.total_ms >= LEAST_TIME


def _finding(analysis: Analysis, node: Node, scan: Node) -> Finding:
    proposal = propose_order(analysis, scan, node.texts("Sort Key"))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{scan.relation}: {count(scan.rows)} rows sorted to return the first"
        f" {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{percent(analysis.part_below(node))} of the time; the order is"
            f" {', '.join(node.texts('Sort Key'))}",
            *proposal.evidence,
        ),
        location=where(node),
        fix=proposal.fix,
    )
