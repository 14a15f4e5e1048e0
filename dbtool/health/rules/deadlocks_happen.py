"""Transactions of this database end in deadlocks.

What it means: two transactions locked the same rows or tables in different order, and the
server ended one of them. Its work is lost unless the application runs it again.

Reads: pg_stat_database; any role may. Who they were is in the server's log.

Thresholds: a note for any since the counters began; a warning from 5 a day on.

Now: nothing: each is over when it is counted.

For good: lock in one order (sort ids before an UPDATE, SELECT … ORDER BY id FOR UPDATE), keep
transactions short, and run a transaction that ended with SQLSTATE 40P01 or 40001 again, whole.

Bad:
```sql
UPDATE stock SET n = n - 1 WHERE id = 7;
UPDATE stock SET n = n - 1 WHERE id = 3;  -- another transaction takes 3, then 7
```

Good:
```sql
SELECT FROM stock WHERE id IN (3, 7) ORDER BY id FOR UPDATE;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import counted, duration

NAME = rule_name(__name__)
READS = ("counts",)
PER_DAY = 5
DAY = 86_400
MANY = "deadlocks in {} databases"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge the counter of the database."""
    counts = examined.counts
    if counts is None or not counts.deadlocks:
        return
    often = counts.seconds is not None and counts.deadlocks / counts.seconds * DAY >= PER_DAY
    since = f"within {duration(counts.seconds)}" if counts.seconds else "since counting began"
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if often else Severity.NOTE,
        title=f"{counted(counts.deadlocks, 'deadlock')} {since}",
        certainty=Certainty.MEASURED,
        location=Location(name="deadlocks"),
    )
