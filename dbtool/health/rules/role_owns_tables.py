"""An application is logged in as the role that owns the tables.

What it means: it can drop and change them, whatever was granted or revoked, and row security
does not hold for it. A migration that runs as the same role cannot be told from the application.

Reads: pg_stat_activity and pg_class; any role may. Only sessions that are open now are seen.

Thresholds: any.

Now: nothing is urgent; small projects live with it.

For good: one role that owns and migrates, another one that works.

Bad:
```sql
ALTER TABLE orders OWNER TO api;
```

Good:
```sql
ALTER TABLE orders OWNER TO migrator;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO api;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("roles",)
MANY = "{} roles of applications own tables"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each role in use."""
    for role in examined.roles.owners_connected if examined.roles else ():
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"an application is logged in as {role}, which owns tables",
            certainty=Certainty.MEASURED,
            location=Location(name=role),
        )
