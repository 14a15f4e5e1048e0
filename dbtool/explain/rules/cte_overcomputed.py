"""A materialised CTE computes many rows of which its reader keeps a few.

Why: MATERIALIZED, and any CTE that is read twice, is computed as it stands: conditions of the
query around it do not reach into it, nor do indexes.

When: a CTE that is read once returned 1,000 rows or more, and a filter on it kept a tenth or
less, and it takes 10 % of the time or more. PostgreSQL 14+.

Bad:
```sql
WITH o AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM o WHERE id = 7;
```

Good:
```sql
WITH o AS NOT MATERIALIZED (SELECT * FROM orders) SELECT * FROM o WHERE id = 7;
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
LEAST_ROWS = 1_000
LEAST_RATIO = 10
LEAST_SHARE = 0.1
_WRITES = "ModifyTable"


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report CTEs that are filtered after they were computed."""
    scans = analysis.of_kind("CTE Scan")
    for node in analysis.ran if scans else ():
        if not node.subplan.startswith("CTE ") or node.rows < LEAST_ROWS:
            continue
        name = node.subplan.removeprefix("CTE ")
        readers = [scan for scan in scans if scan.text("CTE Name") == name]
        if len(readers) == 1 and _wasteful(analysis, node, readers[0]):
            yield _finding(analysis, node, readers[0], name)


def _wasteful(analysis: Analysis, node: Node, reader: Node) -> bool:
    if node.kind in (_WRITES, "Recursive Union") or not reader.text("Filter"):
        return False
    part = analysis.part_below(node) + analysis.part(reader)
    return node.rows >= LEAST_RATIO * max(reader.rows, 1) and part >= LEAST_SHARE


def _finding(analysis: Analysis, node: Node, reader: Node, name: str) -> Finding:
    share = percent(min(1.0, analysis.part_below(node) + analysis.part(reader)))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"the CTE {name} computes {count(node.rows)} rows, its reader keeps"
        f" {count(reader.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(f"{share} of the time; the reader's filter is {reader.text('Filter')}",),
        location=where(node),
        fix=Fix(
            "sql",
            f"WITH {quoted(name)} AS NOT MATERIALIZED (…)",
            "the condition then reaches into it",
        ),
    )
