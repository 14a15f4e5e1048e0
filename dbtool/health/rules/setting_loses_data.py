"""A setting that trades the data for speed, or hides that it is broken.

What it means: without fsync or full_page_writes a crash of the machine leaves files that do not
fit together; with zero_damaged_pages or ignore_checksum_failure broken pages are read as empty
or as they are, and written back.

Reads: pg_settings; any role may.

Thresholds: fsync or full_page_writes off, zero_damaged_pages or ignore_checksum_failure on.

Now: set it back with the statement given. What was written meanwhile is safe only once it has
been flushed: a clean restart does that.

For good: throwaway servers may keep it; that is what the baseline file is for.

Bad:
```sql
ALTER SYSTEM SET fsync = off;
```

Good:
```sql
ALTER SYSTEM SET synchronous_commit = off;  -- loses the last moments, never the files
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("settings",)
SAFE = {
    "fsync": "on",
    "full_page_writes": "on",
    "zero_damaged_pages": "off",
    "ignore_checksum_failure": "off",
}
MANY = "{} settings put the data at risk"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each setting that is not what it should be."""
    for name, value in SAFE.items():
        found = (examined.settings or {}).get(name, value)
        if found == value:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{name} is {found}: a crash or a broken disk costs data",
            certainty=Certainty.MEASURED,
            location=Location(name=name),
            fix=Fix("sql", f"ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf();"),
        )
