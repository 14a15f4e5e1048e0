"""No connection slot is kept back for the moment when the server is full.

What it means: when applications have taken every slot nobody can log in to find out why, not
even the superuser.

Reads: pg_settings; any role may.

Thresholds: fewer than 3 superuser_reserved_connections, which is the default.

Now: nothing is urgent while slots are free.

For good: set it back to 3, which takes a restart; from 16 on reserved_connections keeps some for
a role that has pg_use_reserved_connections, which suits monitoring better than a superuser.

Bad:
```sql
ALTER SYSTEM SET superuser_reserved_connections = 0;
```

Good:
```sql
ALTER SYSTEM SET superuser_reserved_connections = 3;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("settings",)
LEAST = 3
MANY = "{} settings keep no slot for rescue"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge the one setting."""
    kept = (examined.settings or {}).get("superuser_reserved_connections")
    if kept is None or int(kept) >= LEAST:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"only {kept} of the connection slots are kept back for a superuser",
        certainty=Certainty.MEASURED,
        location=Location(name="superuser_reserved_connections"),
        fix=Fix("sql", f"ALTER SYSTEM SET superuser_reserved_connections = {LEAST};"),
    )
