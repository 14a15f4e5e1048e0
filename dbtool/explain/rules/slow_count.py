"""A whole table is counted row by row.

Why: PostgreSQL keeps no number of rows: what is visible differs from one transaction to the
next. Counting reads every row, or at least every entry of an index.

When: 1,000,000 rows or more were counted without a condition, and that takes half of the time or
more. Where a page only shows the size, the planner's own estimate is enough. PostgreSQL 14+.

Bad:
```sql
CREATE UNLOGGED TABLE many AS SELECT g AS id FROM generate_series(1, 1000000) g;
SELECT count(*) FROM many;
```

Good:
```sql
SELECT reltuples::bigint FROM pg_class WHERE oid = 'orders'::regclass;
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
LEAST_ROWS = 1_000_000
LEAST_SHARE = 0.5
_COUNT = "count(*)"


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report counts of whole tables."""
    for node in analysis.of_kind("Aggregate"):
        below = analysis.inputs(node)
        counts = any(_COUNT in shown for shown in node.texts("Output"))
        if not counts or len(below) != 1 or node.text("Strategy") not in ("Plain", ""):
            continue
        if _whole_table(below[0]) and analysis.part_below(node) >= LEAST_SHARE:
            yield _finding(analysis, node, below[0])


def _whole_table(scan: Node) -> bool:
    plain = scan.kind in ("Seq Scan", "Index Only Scan")
    bounded = scan.text("Filter") or scan.text("Index Cond")
    return plain and not bounded and scan.rows + scan.loops >= LEAST_ROWS


def _finding(analysis: Analysis, node: Node, scan: Node) -> Finding:
    name = ".".join(quoted(part) for part in (scan.text("Schema"), scan.relation) if part)
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{scan.relation}: {count(scan.rows)} rows counted one by one",
        certainty=Certainty.MEASURED,
        evidence=(f"{percent(analysis.part_below(node))} of the time",),
        location=where(scan),
        fix=Fix(
            "sql",
            f"SELECT reltuples::bigint FROM pg_class WHERE oid = '{name}'::regclass;",
            "the number as of the last VACUUM or ANALYZE, where an estimate will do",
        ),
    )
