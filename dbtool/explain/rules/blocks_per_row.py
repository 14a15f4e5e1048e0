"""An index scan touches dozens of blocks for each row it returns.

Why: the index leads to versions of rows that nobody can see any more (a queue, a table with many
updates), or is bloated itself. Each has to be visited before it can be ruled out.

When: an index scan returned 500 rows or more, none were removed by a filter or recheck, it
touched 20 blocks or more for each of them over those an index descent takes, and takes 5 % of the
time. PostgreSQL 14+.

Bad:
```sql
ALTER TABLE orders SET (autovacuum_enabled = off);
CREATE INDEX ON orders (customer_id);
DELETE FROM orders WHERE id % 60 <> 0;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM orders WHERE customer_id > 0;
```

Good:
```sql
CREATE INDEX ON orders (customer_id);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM orders WHERE customer_id BETWEEN 1 AND 1000;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
LEAST_ROWS = 500
LEAST_BLOCKS = 20
_DESCENT = 4
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Index Recheck")


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report index scans that visit far more than they return."""
    for node in analysis.of_kind("Index Scan", "Index Only Scan"):
        own = analysis.times.of(node).buffers
        if own is None or node.rows < LEAST_ROWS or any(node.number(each) for each in _REMOVED):
            continue
        blocks = own.touched - _DESCENT * node.loops
        if blocks >= LEAST_BLOCKS * node.rows and analysis.matters(node):
            yield _finding(node, blocks / node.rows)


def _finding(node: Node, each: float) -> Finding:
    table = ".".join(map(quoted, node.qualified.split("."))) if node.qualified else "the table"
    index = quoted(node.text("Index Name"))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: {count(each)} blocks are touched for each of {count(node.rows)}"
        " rows",
        certainty=Certainty.MEASURED,
        evidence=("the index leads to dead versions of rows, or has grown far beyond its rows",),
        location=where(node),
        fix=Fix(
            "sql",
            f"VACUUM (ANALYZE) {table};\n"
            f"-- if that does not help: REINDEX INDEX CONCURRENTLY {index};",
            "removes what nobody can see any more",
        ),
    )
