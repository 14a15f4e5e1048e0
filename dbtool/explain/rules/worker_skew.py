"""One process did most of a parallel query's work while the others waited.

Why: a parallel query takes as long as its slowest process. Rows that cost much may lie together,
or a branch that cannot be divided fell to one process.

When: the slowest process took twice the average of all or more, on 100 ms or more, and 20 % of
the time is below the Gather. Told only where the plan lists the workers (VERBOSE).
PostgreSQL 14+.

Bad:
```sql
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM orders
WHERE CASE WHEN id = 5 THEN pg_sleep(0.4) IS NOT NULL ELSE total > 10 END;
```

Good:
```sql
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM orders
WHERE CASE WHEN id = 5 THEN pg_sleep(0.4) IS NOT NULL ELSE total > 10 END;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.containment import gathered
from dbtool.explain.plan import Node
from dbtool.explain.selftime import process_times
from dbtool.explain.wording import duration, where
from dbtool.finding import Certainty, Finding, Severity, rule_name

NAME = rule_name(__name__)
LEAST_TIME = 100.0
LEAST_SHARE = 0.2
LEAST_SKEW = 2.0
LEAST_PROCESSES = 3


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report Gathers that waited for one process."""
    for node in analysis.of_kind("Gather", "Gather Merge"):
        times = process_times(gathered(analysis.plan, node))
        if len(times) < LEAST_PROCESSES or max(times) < LEAST_TIME:
            continue
        skew = max(times) * len(times) / sum(times)
        if skew >= LEAST_SKEW and analysis.part_below(node) >= LEAST_SHARE:
            yield _finding(node, times)


def _finding(node: Node, times: tuple[float, ...]) -> Finding:
    others = (sum(times) - max(times)) / (len(times) - 1)
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"one of {len(times)} processes worked {duration(max(times))},"
        f" the others {duration(others)} on average",
        certainty=Certainty.MEASURED,
        evidence=("the query takes as long as the slowest; more workers would not help",),
        location=where(node),
    )
