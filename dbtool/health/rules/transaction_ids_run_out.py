"""A database comes near the point where no transaction id is left.

What it means: transaction ids are 32 bits wide and reused; rows must be frozen by VACUUM
before half of them have passed. Three million before that the server refuses every write, in
all databases, until a VACUUM is done, which may take days. Autovacuum does this by itself
unless something holds it up: an old transaction, a prepared one, a replication slot, or a lock.
The same holds for multixact ids, which rows locked by several transactions use.

Reads: age(datfrozenxid) and mxid_age(datminmxid) of pg_database; any role may.

Thresholds: a warning from 50 % of the 2^31 ids on, an error from 75 %. pganalyze takes 50 and
80 %, check_postgres 1.3 and 1.4 thousand million ids. Autovacuum starts to act at
autovacuum_freeze_max_age, by default at 9 %.

Now: `dbtool doctor --select horizon-pinned`, asked of the database named, tells who holds back
its horizon (an old transaction, a prepared one, a slot): end that, and run the statement given
there.

For good: alert on this long before, and let no transaction stay open for hours.

Bad:
```sql
ALTER TABLE events SET (autovacuum_enabled = false);
```

Good:
```sql
VACUUM (FREEZE, VERBOSE) events;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.now import Now
from dbtool.report import percent

NAME = rule_name(__name__)
ALL_IDS = 1 << 31
WARNING_SHARE = 0.5
ERROR_SHARE = 0.75


def check(now: Now) -> Iterator[Finding]:
    """Compare both ages of the oldest database with what there is."""
    ids = now.vitals.ids
    if ids is None:
        return
    for kind, age in (("transaction ids", ids.xid_age), ("multixact ids", ids.mxid_age)):
        share = age / ALL_IDS
        if share >= WARNING_SHARE:
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR if share >= ERROR_SHARE else Severity.WARNING,
                title=f'database "{ids.database}" has used {percent(share)} of its {kind}',
                certainty=Certainty.MEASURED,
                evidence=(f"{ALL_IDS - age:,} are left; the server stops 3,000,000 before",),
                location=Location(name=ids.database),
                fix=Fix("sql", "VACUUM (FREEZE);", label=f"in {ids.database}, as a superuser"),
            )
