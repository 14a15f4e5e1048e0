"""Every role may create objects in a schema.

What it means: a function or operator put there is found before the one that was meant, by
whoever has the schema in their search_path (CVE-2018-1058). PostgreSQL 15 took the right away
from new databases; those that were upgraded keep it.

Reads: pg_namespace; any role may.

Thresholds: any schema that is not temporary.

Now: nothing is urgent.

For good: revoke it with the statement given; grant CREATE to the role that migrates.

Bad:
```sql
GRANT CREATE ON SCHEMA public TO PUBLIC;
```

Good:
```sql
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("roles",)
MANY = "{} schemas are open to all"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each schema."""
    for schema in examined.roles.public_schemas if examined.roles else ():
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"every role may create objects in schema {schema}",
            certainty=Certainty.MEASURED,
            location=Location(name=schema),
            fix=Fix("sql", f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;"),
        )
