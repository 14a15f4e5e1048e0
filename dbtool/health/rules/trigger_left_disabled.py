"""A trigger is switched off.

What it means: what it kept true (an audit row, a search column, and for internal triggers a
foreign key) is not kept true any more. Mostly somebody loaded data and forgot to switch it on.

Reads: pg_trigger; any role may.

Thresholds: any.

Now: find out what was changed meanwhile before you switch it on.

For good: session_replication_role or a condition inside the trigger, so that one session can do
without it and no other.

Bad:
```sql
ALTER TABLE orders DISABLE TRIGGER ALL;
```

Good:
```sql
ALTER TABLE orders ENABLE TRIGGER ALL;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import listed

NAME = rule_name(__name__)
READS = ("tables",)
MANY = "triggers of {} tables are switched off"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each table with the triggers that are off."""
    for table in examined.tables or ():
        if not table.disabled_triggers:
            continue
        names = listed(table.disabled_triggers)
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{table.name}: {names} {'is' if len(table.disabled_triggers) == 1 else 'are'}"
            " switched off",
            certainty=Certainty.MEASURED,
            location=Location(name=table.name),
            fix=Fix("sql", f"ALTER TABLE {table.name} ENABLE TRIGGER ALL;"),
        )
