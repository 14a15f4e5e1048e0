"""Pages of this database did not match their checksum.

What it means: what was read is not what was written: a disk, a controller, or memory changes
data. Queries that touch the page fail.

Reads: pg_stat_database; any role may. Without data checksums nothing is counted.

Thresholds: any.

Now: stop writing to this server, fail over to a standby that is whole, and keep the files.

For good: replace the hardware; `pg_amcheck` and a restore from before the first failure show
what was lost.

Bad:
```sql
ALTER SYSTEM SET ignore_checksum_failure = on;
```

Good:
```sql
SELECT datname, checksum_failures, checksum_last_failure FROM pg_stat_database;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import counted

NAME = rule_name(__name__)
READS = ("counts",)
MANY = "{} databases have broken pages"


def check(examined: Examined) -> Iterator[Finding]:
    """Report any failure."""
    if examined.counts is None or not examined.counts.checksum_failures:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{counted(examined.counts.checksum_failures, 'page')} did not match their checksum",
        certainty=Certainty.MEASURED,
        location=Location(name="checksums"),
    )
