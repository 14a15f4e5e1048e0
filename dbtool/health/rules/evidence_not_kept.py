"""The server does not write down what one needs to find the next problem.

What it means: without log_lock_waits the log does not say who waited for whom; without
track_io_timing nothing tells a slow disk from a slow query.

Reads: pg_settings; any role may.

Thresholds: either of them off.

Now: nothing is urgent.

For good: switch them on; on machines with a usable clock (pg_test_timing shows it) neither is
felt.

Bad:
```sql
ALTER SYSTEM SET log_lock_waits = off;
```

Good:
```sql
ALTER SYSTEM SET log_lock_waits = on;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("settings",)
WANTED = ("log_lock_waits", "track_io_timing")
MANY = "{} settings keep no evidence"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each that is off."""
    for name in WANTED:
        if (examined.settings or {}).get(name) == "off":
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name} is off",
                certainty=Certainty.MEASURED,
                location=Location(name=name),
                fix=Fix("sql", f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"),
            )
