"""A table has many more dead rows than autovacuum should leave.

What it means: queries read past them, indexes grow, and the space is not used again. Either
autovacuum is off for the table, cannot keep up, is locked out, or something old keeps the rows
from being removed: horizon-pinned names it then.

Reads: the counters of each table; any role may.

Thresholds: twice what the table's own autovacuum settings allow, and at least 10,000 rows; an
error from ten times that on, where they outnumber the live ones.

Now: VACUUM with the statement given, after what pins the horizon is gone; it holds nobody up.

For good: a lower autovacuum_vacuum_scale_factor for the table, more workers or a lower
autovacuum_vacuum_cost_delay for the server.

Bad:
```sql
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.5);
```

Good:
```sql
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import Table
from dbtool.report import duration

NAME = rule_name(__name__)
FACTOR, WORSE, LEAST = 2, 20, 10_000
MANY = "{} tables keep many dead rows"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge each table by its own limit."""
    for table in examined.tables or ():
        if table.dead < max(FACTOR * table.dead_limit, LEAST):
            continue
        error = table.dead >= WORSE * table.dead_limit and table.dead > table.live
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if error else Severity.WARNING,
            title=f"{table.name} keeps {table.dead:,} dead rows beside {table.live:,} live ones",
            certainty=Certainty.MEASURED,
            evidence=tuple(_why(table)),
            location=Location(name=table.name),
            fix=Fix("sql", f"VACUUM (ANALYZE) {table.name};"),
        )


def _why(table: Table) -> Iterator[str]:
    yield f"autovacuum is due from {table.dead_limit:,.0f} on"
    if not table.autovacuum:
        yield "autovacuum is off for this table"
    if table.vacuumed_seconds is None:
        yield "it was never vacuumed since its counters began"
    else:
        yield f"last vacuumed {duration(table.vacuumed_seconds)} ago"
