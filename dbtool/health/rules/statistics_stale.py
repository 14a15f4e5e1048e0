"""The planner's picture of a table is old.

What it means: row counts and values are guessed from the last ANALYZE. After a large load or a
purge the guesses are wrong by orders of magnitude, and so are the plans.

Reads: the counters of each table; any role may.

Thresholds: more than 20 % of the rows, and at least 10,000, changed since the last ANALYZE; or
never analysed with 100,000 rows.

Now: ANALYZE with the statement given; it takes no lock that holds others up.

For good: `ALTER TABLE … SET (autovacuum_analyze_scale_factor = 0.02)` for large tables, and
ANALYZE at the end of jobs that load (`dbtool upgrade --analyze` does it after migrations).

Bad:
```sql
DELETE FROM events WHERE created_at < now() - interval '90 days';
```

Good:
```sql
DELETE FROM events WHERE created_at < now() - interval '90 days';
ANALYZE events;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import duration

NAME = rule_name(__name__)
READS = ("tables",)
SHARE, LEAST_ROWS, NEVER_ROWS = 0.2, 10_000, 100_000
MANY = "{} tables have old statistics"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge each table by how much of it has changed."""
    for table in examined.tables or ():
        rows = max(table.rows, table.live)
        never = table.analyzed_seconds is None and table.rows == 0 and table.live >= NEVER_ROWS
        stale = table.modified >= max(SHARE * rows, LEAST_ROWS)
        if table.partitioned or not (never or stale):
            continue
        when = "never analysed"
        if table.analyzed_seconds is not None:
            when = f"analysed {duration(table.analyzed_seconds)} ago"
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{table.name}: {table.modified:,} changes to {rows:,.0f} rows, {when}",
            certainty=Certainty.MEASURED,
            location=Location(name=table.name),
            fix=Fix("sql", f"ANALYZE {table.name};"),
        )
