"""The pooler answers, and the server that was named behind it cannot be asked.

What it means: either the server is full, down or out of reach from here, which its error tells,
or the URL leads through the pooler itself, whose connections are all taken. Without the server
it cannot be told whether holders of the pooler's connections work or sit idle.

Reads: the error of the connection to the server.

Thresholds: an error where the login or the question failed; unknown where no server was named.

Now: name the server itself with --url, past the pooler, as a role that gets in when it is full:
a superuser, or from PostgreSQL 16 on a member of pg_use_reserved_connections.

For good: keep a direct URL for whoever is on call, as an environment of the settings.

Bad:
```shell
dbtool pool --pgbouncer postgresql://stats@pooler:6432 --url postgresql://app@pooler:6432/shop
```

Good:
```shell
dbtool pool --pgbouncer postgresql://stats@pooler:6432 --url postgresql://oncall@db1:5432/shop
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.layers import Layers

NAME = rule_name(__name__)
PAST_THE_POOLER = "--url URL of the server itself, past the pooler"


def check(layers: Layers) -> Iterator[Finding | Unknown]:
    """Tell why there is nothing of the server in the report."""
    if layers.refusal is not None:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"the server behind the pooler was not asked: {layers.refusal.message}",
            certainty=Certainty.MEASURED,
            evidence=tuple(filter(None, layers.refusal.detail.splitlines())),
            location=Location(name=layers.pooler.address),
        )
    elif layers.server is None:
        yield Unknown(
            rule=NAME,
            reason="no server was named, so that only the pooler was asked",
            decide=PAST_THE_POOLER,
        )
