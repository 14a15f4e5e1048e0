"""Wide rows are sorted or hashed on disk, with columns nobody may need.

Why: a sort or a hash table holds every column that is asked for further up. Columns of a
kilobyte make it spill where the key alone would fit.

When: rows of 1 kB or more enter a sort or a hash that used disk, and it takes 5 % of the time or
more. Select the columns that are needed, or sort the keys first and join the rest afterwards.
PostgreSQL 14+.

Bad:
```sql
SET work_mem = '256kB';
CREATE TABLE pages AS SELECT g AS id, g * 7919 % 5000 AS rank, repeat('x', 1500) AS body
FROM generate_series(1, 5000) g;
ANALYZE pages;
SELECT * FROM pages ORDER BY rank;
```

Good:
```sql
SET work_mem = '1MB';
CREATE TABLE pages AS SELECT g AS id, g * 7919 % 5000 AS rank, repeat('x', 1500) AS body
FROM generate_series(1, 5000) g;
ANALYZE pages;
SELECT id FROM pages ORDER BY rank;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.rules.sort_spill import kilobytes_on_disk
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name

NAME = rule_name(__name__)
LEAST_WIDTH = 1024
_SHOWN = 6


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report spilling nodes whose rows are wide."""
    for node in analysis.of_kind("Sort", "Incremental Sort", "Hash"):
        if node.plan_width >= LEAST_WIDTH and _spilled(node) and analysis.matters(node):
            yield _finding(node)


def _spilled(node: Node) -> bool:
    if node.kind == "Hash":
        return node.number("Hash Batches") > 1
    return kilobytes_on_disk(node) > 0


def _finding(node: Node) -> Finding:
    columns = node.texts("Output")
    more = f", {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"rows of {count(node.plan_width)} bytes go through a"
        f" {'hash' if node.kind == 'Hash' else 'sort'} on disk",
        certainty=Certainty.MEASURED,
        evidence=(f"its columns are {', '.join(columns[:_SHOWN])}{more}",) if columns else (),
        location=where(node),
    )
