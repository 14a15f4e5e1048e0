"""Fewer parallel workers started than the plan counted on.

Why: the plan was chosen because it is cheap with workers. Without them one process does all the
work, and another plan might have been better.

When: workers were missing below a node that takes 20 % of the time or more. All parallel queries
of a server share max_parallel_workers, which itself is limited by max_worker_processes; a busy
server runs out of them. PostgreSQL 14+.

Bad:
```sql
SET max_parallel_workers = 0;
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM orders WHERE total > 10;
```

Good:
```sql
SET max_parallel_workers = 8;
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM orders WHERE total > 10;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.2


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report parallel plans that ran with fewer workers than planned."""
    for node in analysis.ran:
        if not node.is_gather:
            continue
        planned, launched = node.number("Workers Planned"), node.number("Workers Launched")
        if launched < planned and analysis.part_below(node) >= LEAST_SHARE:
            yield _finding(analysis, node, planned, launched)


def _finding(analysis: Analysis, node: Node, planned: float, launched: float) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.NOTE if launched else Severity.WARNING,
        title=f"{count(launched)} of {count(planned)} planned workers started",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{percent(analysis.part_below(node))} of the time is below it",
            "max_parallel_workers or max_worker_processes was used up when it began",
        ),
        location=where(node),
    )
