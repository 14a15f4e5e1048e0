"""A bitmap grew beyond work_mem and forgot which rows it meant.

Why: a bitmap remembers row by row while it fits into work_mem, then only pages. All rows of such
pages are read and checked again.

When: the server reports lossy pages, a tenth of all or more, and the scan takes 5 % of the time
or more. PostgreSQL 14+.

Bad:
```sql
SET work_mem = '64kB';
SET enable_seqscan = off;
CREATE INDEX ON orders (courier);
SELECT sum(total) FROM orders WHERE courier BETWEEN 'courier 1' AND 'courier 5';
```

Good:
```sql
SET work_mem = '4MB';
SET enable_seqscan = off;
CREATE INDEX ON orders (courier);
SELECT sum(total) FROM orders WHERE courier BETWEEN 'courier 1' AND 'courier 5';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.memory import allowance
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.1
KILOBYTES_PER_PAGE = 0.1
"""Memory for the bitmap of one page: an entry of about 48 bytes in a table that is half full."""


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report bitmap scans with lossy pages."""
    for node in analysis.ran:
        if node.kind != "Bitmap Heap Scan":
            continue
        lossy, exact = node.number("Lossy Heap Blocks"), node.number("Exact Heap Blocks")
        if lossy and lossy >= LEAST_SHARE * (lossy + exact) and analysis.matters(node):
            yield _finding(node, lossy, exact)


def _finding(node: Node, lossy: float, exact: float) -> Finding:
    again = node.number("Rows Removed by Index Recheck") * node.loops
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: {percent(lossy / (lossy + exact))} of the bitmap's pages are"
        " lossy",
        certainty=Certainty.MEASURED,
        evidence=(f"{count(again)} rows were read again and discarded",),
        location=where(node),
        fix=allowance((lossy + exact) * KILOBYTES_PER_PAGE),
    )
