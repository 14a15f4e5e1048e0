"""Most checkpoints come because the WAL is full, not because it is time.

What it means: each writes all changed pages at once, and the first change of every page after
it is written to the WAL whole: more WAL, and so the next checkpoint comes sooner.

Reads: pg_stat_checkpointer (17 and later) or pg_stat_bgwriter; any role may.

Thresholds: of 20 checkpoints or more, a warning where 30 % and an error where 70 % were
requested; the PostgreSQL monitoring mixin takes 50 %.

Now: nothing is urgent.

For good: a larger max_wal_size, so that checkpoint_timeout decides.

Bad:
```sql
ALTER SYSTEM SET max_wal_size = '256MB';
```

Good:
```sql
ALTER SYSTEM SET max_wal_size = '8GB';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import percent

NAME = rule_name(__name__)
READS = ("counts", "settings")
LEAST, WARNING, ERROR = 20, 0.3, 0.7
MANY = "{} servers force checkpoints"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge the counters of the server."""
    if examined.counts is None:
        return
    requested = examined.counts.checkpoints_requested
    all_of_them = requested + examined.counts.checkpoints_timed
    if all_of_them < LEAST or requested / all_of_them < WARNING:
        return
    share, size = requested / all_of_them, (examined.settings or {}).get("max_wal_size")
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR if share >= ERROR else Severity.WARNING,
        title=f"{percent(share)} of {all_of_them:,} checkpoints were forced",
        certainty=Certainty.MEASURED,
        evidence=(f"max_wal_size is {int(size):,} MB",) if size else (),
        location=Location(name="checkpoints"),
        fix=Fix("sql", f"ALTER SYSTEM SET max_wal_size = '{2 * int(size or 1024)}MB';"),
    )
