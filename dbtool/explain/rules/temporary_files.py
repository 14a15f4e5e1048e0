"""Rows that are kept for later did not fit into work_mem and went to disk.

Why: a CTE, a window, a function's rows or a materialised inner side are kept in memory up to
work_mem and written to temporary files beyond it.

When: the node itself wrote 256 blocks (2 MB) or more, and it takes 5 % of the time or more.
Sorts, hash joins and aggregates have rules of their own. PostgreSQL 14+.

Bad:
```sql
SET work_mem = '64kB';
WITH o AS MATERIALIZED (SELECT * FROM orders) SELECT count(note) FROM o;
```

Good:
```sql
SET work_mem = '64MB';
WITH o AS MATERIALIZED (SELECT * FROM orders) SELECT count(note) FROM o;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.memory import allowance, caution
from dbtool.explain.plan import Node
from dbtool.explain.wording import memory, title, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_BLOCKS = 256
_BLOCK_KB = 8
_IN_MEMORY = 3
_OTHERS = frozenset({"Sort", "Incremental Sort", "Hash", "Hash Join", "Aggregate"})


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report nodes that keep their rows in temporary files."""
    for node in analysis.ran:
        if node.kind in _OTHERS or node.buffers is None or not node.buffers.temp_written:
            continue
        own = analysis.times.of(node).buffers
        if own and own.temp_written >= LEAST_BLOCKS and analysis.matters(node):
            yield _finding(analysis, node, own.temp_written * _BLOCK_KB)


def _finding(analysis: Analysis, node: Node, kilobytes: float) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{title(node)} kept {memory(kilobytes)} of rows on disk",
        certainty=Certainty.MEASURED,
        evidence=(
            f"it takes {percent(analysis.part(node))} of the time",
            "keep fewer columns or rows, or give it memory",
            caution(analysis),
        ),
        location=where(node),
        fix=allowance(kilobytes * _IN_MEMORY),
    )
