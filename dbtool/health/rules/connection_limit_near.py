"""A role or database is close to its own CONNECTION LIMIT.

What it means: ALTER ROLE … CONNECTION LIMIT and ALTER DATABASE … CONNECTION LIMIT refuse
logins with "too many connections for role" or "for database" however many slots the server
has left. Superusers are exempt.

Reads: pg_roles, pg_database and pg_stat_activity; any role may.

Thresholds: a warning from 80 % of the limit on, an error where it is reached, for the next
login is refused. A limit below 3 is meant as a lock: reaching it is only a note.

Now: raise the limit with the statement given, if the server has slots for it.

For good: a limit is a good guard; let it be above the sum of pool_size + max_overflow over all
processes of the service, twice that during a rolling deployment.

Bad:
```sql
ALTER ROLE api CONNECTION LIMIT 20;  -- 4 processes with pool_size=5, max_overflow=10
```

Good:
```sql
ALTER ROLE api CONNECTION LIMIT 60;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.pool import Limit, Pool

NAME = rule_name(__name__)
WARNING_SHARE = 0.8
LEAST_GUARD = 3
"""A smaller limit keeps sessions apart on purpose."""


def check(pool: Pool) -> Iterator[Finding]:
    """Compare the connections of each role and database with its limit."""
    for limit in pool.limits:
        severity = _severity(limit)
        if severity is not None:
            yield Finding(
                rule=NAME,
                severity=severity,
                title=f"{limit.kind} {limit.name} uses {limit.used:,} of the"
                f" {limit.connections:,} connections its limit allows",
                certainty=Certainty.MEASURED,
                evidence=(f"the server has {pool.slots.free:,} slots free",),
                location=Location(name=limit.name),
                fix=_raise(limit, pool),
            )


def _severity(limit: Limit) -> Severity | None:
    if limit.used >= limit.connections:
        return Severity.ERROR if limit.connections >= LEAST_GUARD else Severity.NOTE
    return Severity.WARNING if limit.used >= WARNING_SHARE * limit.connections else None


def _raise(limit: Limit, pool: Pool) -> Fix:
    room = max(limit.connections + pool.slots.free // 2, limit.connections)
    wanted = min(max(2 * limit.connections, 1), room)
    return Fix(
        "sql",
        f"ALTER {limit.kind.upper()} {limit.quoted} CONNECTION LIMIT {wanted};",
        label="leaves half of the free slots to everybody else",
    )
