"""A good part of the measured time is the measuring: the clock is read at every row of every node.

Why: EXPLAIN ANALYZE starts and stops a clock for each row and loop of each node. Nodes that
handle millions of rows look slow beside those that handle few, though they are not.

When: several runs were asked for (`--runs`), and one without the clock took a fifth less than
their median, and 10 ms less. PostgreSQL 14+.

Bad:
```sql
-- --runs 2
SELECT count(*) FROM shops a, generate_series(1, 3000) b;
```

Good:
```sql
-- --runs 2
SELECT count(*) FROM shops;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import duration
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.2
LEAST_TIME = 10.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report what the clock takes."""
    runs = analysis.others.runs
    if runs is None or runs.untimed_ms is None or runs.clock < LEAST_SHARE:
        return
    if runs.median - runs.untimed_ms >= LEAST_TIME:
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{percent(runs.clock)} of the time is the clock: without it the statement takes"
            f" {duration(runs.untimed_ms)}",
            certainty=Certainty.MEASURED,
            evidence=(
                f"{duration(runs.median)} with a clock at every node; the shares of nodes with many"
                " rows or loops are too high",
            ),
        )
