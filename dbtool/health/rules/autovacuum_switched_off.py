"""Autovacuum does not look after a table, or after the whole server.

What it means: dead rows stay, statistics grow old, and one day the server vacuums the table all
the same, to prevent the transaction ids from running out, at a moment nobody chose.

Reads: pg_settings and the storage options of each table; any role may.

Thresholds: any table of 10,000 rows or more; the server always.

Now: switch it on with the statement given.

For good: for a load, switch it off and on again within one job; a table that is only truncated
does not need it and can be named in the baseline.

Bad:
```sql
ALTER TABLE events SET (autovacuum_enabled = off);  -- for the load, in spring
```

Good:
```sql
ALTER TABLE events RESET (autovacuum_enabled);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("tables", "settings")
LEAST_ROWS = 10_000
MANY = "autovacuum is switched off in {} places"


def check(examined: Examined) -> Iterator[Finding]:
    """Look at the server, then at each table."""
    settings = examined.settings or {}
    for name in ("autovacuum", "track_counts"):
        if settings.get(name) == "off":
            yield _finding("the server", name, f"ALTER SYSTEM SET {name} = on;", Severity.ERROR)
    for table in examined.tables or ():
        if not table.autovacuum and max(table.rows, table.live) >= LEAST_ROWS:
            mend = f"ALTER TABLE {table.name} RESET (autovacuum_enabled);"
            yield _finding(table.name, "autovacuum_enabled", mend, Severity.WARNING)


def _finding(place: str, setting: str, mend: str, severity: Severity) -> Finding:
    return Finding(
        rule=NAME,
        severity=severity,
        title=f"autovacuum does not look after {place}: {setting} is off",
        certainty=Certainty.MEASURED,
        location=Location(name=f"{place}.{setting}"),
        fix=Fix("sql", mend),
    )
