"""A bitmap of half of a table costs more than reading the table.

Why: a bitmap is worth building where it leads to few pages. One that names half of the rows
leads to nearly every page, after the whole index was read.

When: an index returned half of the table's rows or more for a bitmap, on a table of 10,000 rows
or more, and both scans take 5 % of the time or more. PostgreSQL 14+.

Bad:
```sql
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT count(note) FROM orders WHERE placed_at > '2026-01-05';
```

Good:
```sql
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT count(note) FROM orders WHERE placed_at > '2026-02-11';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_ROWS = 10_000
LEAST_PART = 0.5


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report bitmaps that name most of a table."""
    for node in analysis.of_kind("Bitmap Heap Scan"):
        table = analysis.table(node)
        if table is None or table.rows < LEAST_ROWS or not analysis.matters(node):
            continue
        for each in analysis.plan.below(node):
            per_loop = each.rows / max(each.loops, 1)
            if each.kind == "Bitmap Index Scan" and per_loop >= LEAST_PART * table.rows:
                yield _finding(node, each, per_loop / table.rows)


def _finding(node: Node, bitmap: Node, part: float) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{node.relation}: the bitmap of {bitmap.text('Index Name')} names"
        f" {percent(min(part, 1.0))} of the table",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{count(bitmap.rows)} rows for {bitmap.text('Index Cond')}: a condition this wide"
            " is answered by reading the table",
        ),
        location=where(bitmap),
    )
