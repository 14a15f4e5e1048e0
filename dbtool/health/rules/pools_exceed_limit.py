"""The pools may open more connections than the CONNECTION LIMIT of their role or database allows.

What it means: such a limit ends logins before the server is full, with "too many connections
for role". It keeps an application from taking everything, and has to allow for its pools.

Reads: pg_roles and pg_database for the role and database of the engine's URL, else of --url.

Thresholds: an error where the sum over all processes exceeds the limit while nothing is
deployed, a warning where it does so only during a deployment.

Now: raise the limit with the statement given, if the server has the slots, or make the pools
smaller.

For good: change the limit and the pools together.

Bad:
```sql
ALTER ROLE api CONNECTION LIMIT 20; -- 8 processes of 5 + 10
```

Good:
```sql
ALTER ROLE api CONNECTION LIMIT 240;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, Unknown, rule_name
from dbtool.health.budget import UNNAMED, Budget

NAME = rule_name(__name__)


def check(budget: Budget) -> Iterator[Finding | Unknown]:
    """Compare what the application opens with each limit."""
    if budget.steady is None or budget.deploying is None or budget.through_pooler:
        return
    for limit in budget.limits:
        if budget.deploying <= limit.connections:
            continue
        always = budget.steady > limit.connections
        opened = budget.steady if always else budget.deploying
        if budget.engine and budget.apart:
            yield Unknown(
                rule=NAME,
                reason=f"whether the engine's {opened:,} connections, which go to"
                f" {budget.engine.address}, count for {limit.kind} {limit.name} is not known",
                decide=f"--url of {budget.engine.address}",
            )
            continue
        if budget.beside_pooler:
            yield Unknown(
                rule=NAME,
                reason=f"whether the {opened:,} connections count for {limit.kind} {limit.name}"
                " or go to a pooler is not known",
                decide=UNNAMED,
            )
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if always else Severity.WARNING,
            title=f"{opened:,} connections may be opened{'' if always else ' during a deployment'},"
            f" {limit.kind} {limit.name} allows {limit.connections:,}",
            certainty=Certainty.DECLARED,
            location=Location(name=limit.name),
            fix=Fix(
                "sql",
                f"ALTER {limit.kind.upper()} {limit.quoted} CONNECTION LIMIT {budget.deploying};",
            )
            if budget.deploying <= budget.pool.slots.usable
            else None,
        )
