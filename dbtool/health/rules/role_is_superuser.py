"""An application is logged in as a superuser.

What it means: one statement that was put together carelessly reads files of the server, runs
programs there, and passes every check of rights. It also takes the slots that are kept back for
rescue.

Reads: pg_stat_activity and pg_roles; any role may. Only sessions that are open now are seen;
those of psql, pg_dump and the like are left out.

Thresholds: any.

Now: nothing is urgent.

For good: a role that owns nothing, with the rights its statements need (`dbtool doctor --grants`
shows what dbtool itself needs); migrations run as the owner.

Bad:
```sql
ALTER ROLE api SUPERUSER;
```

Good:
```sql
ALTER ROLE api NOSUPERUSER;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO api;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("roles",)
MANY = "{} superusers are used by applications"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each role in use."""
    for role in examined.roles.superusers_connected if examined.roles else ():
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"an application is logged in as superuser {role}",
            certainty=Certainty.MEASURED,
            location=Location(name=role),
        )
