"""An index finds rows that turn out not to fit when they are looked at.

Why: some operator classes answer approximately (trigrams, GiST on shapes, full text with weights
or phrases). Each row the index names is fetched and checked again.

When: 1,000 rows or more were discarded by the recheck, four times as many as were kept, the
bitmap was exact, and the scan takes 5 % of the time or more. A bitmap that was lossy is another
matter (lossy-bitmap). PostgreSQL 14+.

Bad:
```sql
SET enable_seqscan = off;
CREATE INDEX ON orders USING gin (to_tsvector('simple', courier));
SELECT * FROM orders WHERE to_tsvector('simple', courier) @@ 'courier:A'::tsquery;
```

Good:
```sql
SET enable_seqscan = off;
CREATE INDEX ON orders USING gin (to_tsvector('simple', courier));
SELECT * FROM orders WHERE to_tsvector('simple', courier) @@ '77'::tsquery;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_REMOVED = 1_000
LEAST_RATIO = 4
_KINDS = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report scans whose recheck discards most of what the index found."""
    for node in analysis.of_kind(*_KINDS):
        removed = node.number("Rows Removed by Index Recheck") * node.loops
        enough = removed >= LEAST_REMOVED and removed >= LEAST_RATIO * max(node.rows, 1)
        if enough and not node.number("Lossy Heap Blocks") and analysis.matters(node):
            yield _finding(analysis, node, removed)


def _finding(analysis: Analysis, node: Node, removed: float) -> Finding:
    found_by = node.text("Recheck Cond") or node.text("Index Cond")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: an index finds {count(removed + node.rows)} rows,"
        f" a recheck keeps {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"the scan takes {percent(analysis.part(node))} of the time; it looks for {found_by}",
            "the index cannot tell these rows apart: add a condition it can, or another index",
        ),
        location=where(node),
    )
