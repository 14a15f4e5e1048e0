"""The database writes temporary files all the time.

What it means: sorts and hashes that do not fit into work_mem go to disk. `dbtool top --by temp`
names the statements.

Reads: pg_stat_database; any role may.

Thresholds: a megabyte a second on average since the counters began.

Now: `dbtool top --by temp`.

For good: indexes that deliver the order; a larger work_mem for the role that runs reports.

Bad:
```sql
SELECT * FROM events ORDER BY created_at LIMIT 50 OFFSET 100000;
```

Good:
```sql
SELECT * FROM events WHERE created_at > $1 ORDER BY created_at LIMIT 50;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.wording import size
from dbtool.report import duration

NAME = rule_name(__name__)
READS = ("counts",)
MEGABYTE = 1 << 20
MANY = "{} databases write temporary files"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge the average since the counters began."""
    counts = examined.counts
    if counts is None or not counts.seconds or counts.temp_bytes < MEGABYTE * counts.seconds:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{size(counts.temp_bytes / counts.seconds)} of temporary files a second",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{size(counts.temp_bytes)} in {counts.temp_files:,} files"
            f" within {duration(counts.seconds)}",
        ),
        location=Location(name="temporary files"),
        fix=Fix("shell", "dbtool top --by temp"),
    )
