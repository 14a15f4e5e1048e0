"""A role's password is kept as an MD5 hash.

What it means: whoever reads a backup or pg_authid can log in with the hash itself, and short
passwords are found from it in minutes. From PostgreSQL 18 on MD5 is announced to go away.

Reads: pg_authid, which only a superuser may; the check says so otherwise.

Thresholds: any role that can log in.

Now: nothing is urgent.

For good: password_encryption = scram-sha-256, then set each password again (\\password in psql)
and ask for scram-sha-256 in pg_hba.conf.

Bad:
```sql
SET password_encryption = 'md5';
ALTER ROLE api PASSWORD '…';
```

Good:
```sql
SET password_encryption = 'scram-sha-256';
ALTER ROLE api PASSWORD '…';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("roles", "passwords")
MANY = "{} passwords are hashed with MD5"


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Report each role, or that they cannot be seen."""
    if examined.roles is None:
        return
    for role in examined.roles.weak or ():
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"the password of role {role} is hashed with MD5",
            certainty=Certainty.MEASURED,
            location=Location(name=role),
        )
    if examined.roles.weak is None:
        yield Unknown(
            rule=NAME,
            reason="only a superuser may see how passwords are hashed",
            decide="run it once as a superuser",
        )
