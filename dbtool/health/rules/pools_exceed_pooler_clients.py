"""All pools together may open more connections than the pooler accepts.

What it means: the application's pools end at PgBouncer, whose max_client_conn counts every
client, idle ones too. Beyond it logins fail with "no more connections allowed".

Reads: the engine's pool or the flags, and max_client_conn of the PgBouncer that the engine
connects to, which --pgbouncer names.

Thresholds: an error where the sum over all processes exceeds it while nothing is deployed, a
warning where it does so only during a deployment.

Now: raise max_client_conn and RELOAD; PgBouncer needs a file descriptor for each client.

For good: before a pooler the application's own pools may be larger than the server could
stand, but not without a limit.

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

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.budget import Budget

NAME = rule_name(__name__)


def check(budget: Budget) -> Iterator[Finding]:
    """Compare what the application opens with what its pooler accepts."""
    pooler, engine = budget.pooler, budget.engine
    if pooler is None or engine is None or engine.address != pooler.address:
        return
    if not pooler.max_clients or budget.steady is None or budget.deploying is None:
        return
    if budget.deploying <= pooler.max_clients:
        return
    always = budget.steady > pooler.max_clients
    opened = budget.steady if always else budget.deploying
    when = "" if always else " during a deployment"
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR if always else Severity.WARNING,
        title=f"{opened:,} connections may be opened{when},"
        f" PgBouncer accepts {pooler.max_clients:,}",
        certainty=Certainty.DECLARED,
        location=Location(name=pooler.address),
        fix=Fix(
            "ini",
            f"max_client_conn = {2 * budget.deploying}",
            label="in pgbouncer.ini, then RELOAD on its console",
        ),
    )
