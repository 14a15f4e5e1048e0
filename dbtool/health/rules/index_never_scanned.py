"""An index that no query has used for weeks.

What it means: every insert, most updates and every vacuum pay for it, and it takes its place in
memory and in backups. What nobody reads is pure cost.

Reads: pg_index and the scan counters; any role may. The counters are of this server alone: a
standby counts its own scans.

Thresholds: no scan since the counters began, at least 30 days ago (or never reset), and 10 MB
or more. Left out: what is unique or backs a constraint, partitions of an index, the replica
identity, and what is being built. pghero asks for at most 50 scans, pg-extras for 20 and 1 MB,
pgdoctor for 10 MB, pganalyze for 35 days.

Now: nothing is urgent. Look at the standbys first, and at jobs that run once a year.

For good: drop it with the statement given, which lets others go on; `dbtool explain` names an
index that would be used.

Bad:
```sql
CREATE INDEX ON orders (note);  -- for a report that was never written
```

Good:
```sql
DROP INDEX CONCURRENTLY orders_note_idx;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import Index
from dbtool.health.wording import size
from dbtool.report import duration

NAME = rule_name(__name__)
READS = ("indexes", "counts")
LEAST_BYTES = 10 << 20
LEAST_SECONDS = 30 * 86_400
MANY = "{} indexes are never scanned"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge each index whose counters are old enough to mean something."""
    since = examined.counts.seconds if examined.counts else 0.0
    if since is not None and since < LEAST_SECONDS:
        return
    for index in examined.indexes or ():
        if _counts(index):
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"index {index.name} on {index.table} is never scanned ({size(index.bytes)})",
                certainty=Certainty.MEASURED,
                evidence=(_since(since), "standbys count their own scans"),
                location=Location(name=index.name),
                fix=Fix("sql", f"DROP INDEX CONCURRENTLY {index.name};"),
            )


def _since(seconds: float | None) -> str:
    return f"no scan for {duration(seconds)}" if seconds else "no scan since counting began"


def _counts(index: Index) -> bool:
    needed = index.unique or index.constraint or index.replica_identity
    part = index.partition or index.partitioned or index.building
    return not (needed or part or index.scans) and index.valid and index.bytes >= LEAST_BYTES
