"""PgBouncer has nearly as many clients as it accepts: soon the next login is refused.

What it means: max_client_conn counts every client, idle ones too. Once it is reached, logins
fail with "no more connections allowed (max_client_conn)", whatever the server has free.

Reads: SHOW CLIENTS and CONFIG of PgBouncer.

Thresholds: a warning from 80 % of max_client_conn on, an error from 90 % on.

Now: raise max_client_conn and RELOAD; a client costs PgBouncer a few kilobytes and a file
descriptor, so that its limit of open files has to allow them.

For good: let max_client_conn exceed the sum over all processes of pool_size + max_overflow,
doubled for a rolling deployment.

Bad:
```ini
max_client_conn = 100
```

Good:
```ini
max_client_conn = 1000
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health.layers import Layers
from dbtool.report import percent

NAME = rule_name(__name__)
WARNING_SHARE = 0.8
ERROR_SHARE = 0.9


def check(layers: Layers) -> Iterator[Finding]:
    """Compare the clients with the limit, leaving out the one that asks."""
    most, clients = layers.pooler.max_clients, layers.pooler.clients - 1
    if not most or clients < WARNING_SHARE * most:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR if clients >= ERROR_SHARE * most else Severity.WARNING,
        title=f"PgBouncer has {clients:,} of at most {most:,} clients ({percent(clients / most)})",
        certainty=Certainty.MEASURED,
        fix=Fix(
            "ini",
            f"max_client_conn = {2 * most}",
            label="in pgbouncer.ini, then RELOAD on its console",
        ),
    )
