"""Sessions come over the network without TLS.

What it means: what they send and read can be seen and changed on the way, the login as far as
its method lets it.

Reads: pg_stat_ssl; without pg_monitor other roles' sessions are hidden. Sessions on this machine
are left out; those of a proxy on another one are not.

Thresholds: any.

Now: nothing is urgent within a private network, says some; auditors say otherwise.

For good: `hostssl` instead of `host` in pg_hba.conf, `ssl = on`, and sslmode=verify-full in the
applications' connection strings.

Bad:
```ini
host  all  all  0.0.0.0/0  scram-sha-256
```

Good:
```ini
hostssl  all  all  0.0.0.0/0  scram-sha-256
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.sight import hidden_states
from dbtool.report import counted

NAME = rule_name(__name__)
READS = ("roles",)
MANY = "{} groups of sessions come without TLS"


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Report them together."""
    yield from hidden_states(NAME, examined)
    if examined.roles is None or not examined.roles.plain:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{counted(examined.roles.plain, 'session')} from other machines without TLS",
        certainty=Certainty.MEASURED,
        location=Location(name="sessions without TLS"),
    )
