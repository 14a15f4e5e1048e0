"""Clients wait in the pooler, and it is not for connections that other clients hold.

What it means: the database is paused or disabled, or PgBouncer does not open the connections
that its pool allows: the server refuses them or is down, or max_db_connections or
max_user_connections is reached by another pool.

Reads: SHOW POOLS, SERVERS, DATABASES and CONFIG of PgBouncer.

Thresholds: the first client has waited for 1 s (warning), for 10 s or half of
query_wait_timeout (error). What opens a connection right now takes less.

Now: RESUME a database that was paused. Else PgBouncer's log names the server's answer to its
last login.

For good: let somebody own PAUSE in the deployment, with RESUME in a finally block, and keep
the sum of all pool sizes below the server's usable slots.

Bad:
```ini
[databases]
shop = host=db1 pool_size=90
shop_reports = host=db1 dbname=shop pool_size=90
```

Good:
```ini
[databases]
shop = host=db1 pool_size=30
shop_reports = host=db1 dbname=shop pool_size=10
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, Unknown, rule_name
from dbtool.health.layers import Layers, Queue
from dbtool.health.rules.pooler_server_unreachable import PAST_THE_POOLER
from dbtool.health.waiting import limit, place, severity, title

NAME = rule_name(__name__)


def check(layers: Layers) -> Iterator[Finding | Unknown]:
    """Report queues that nobody's work explains, and those whose cause cannot be seen."""
    for queue in layers.queues:
        found = severity(queue, layers)
        if found is None or queue.cause in ("idle", "work"):
            continue
        if queue.cause == "unknown":
            yield from _unexplained(queue, layers, found)
        elif found > Severity.NOTE:
            yield _finding(queue, layers, found, _why(queue))


def _why(queue: Queue) -> str:
    pool = queue.pool
    if pool.paused:
        return "its database is paused or disabled"
    if not pool.size:
        return f"nothing limits its pool, and it has opened {pool.servers_open:,}"
    return (
        f"only {pool.servers_open:,} of the {pool.size:,} connections that its pool allows are open"
    )


def _finding(queue: Queue, layers: Layers, found: Severity, why: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=found,
        title=f"{title(queue)}: {why}",
        certainty=Certainty.MEASURED,
        evidence=tuple(limit(layers)),
        location=place(queue),
        fix=Fix("sql", f'RESUME "{queue.pool.database}";', label="on PgBouncer's console")
        if queue.pool.paused
        else None,
    )


def _unexplained(queue: Queue, layers: Layers, found: Severity) -> Iterator[Finding | Unknown]:
    active = queue.pool.servers_active
    yield _finding(queue, layers, found, f"all {active:,} of its connections are in use")
    lacks = layers.server is not None and not layers.server.rights.sees_all
    yield Unknown(
        rule=NAME,
        reason="whether those connections work or are held idle is not known: "
        + (_unmatched(queue) if layers.server else "the server was not asked"),
        decide=layers.server.rights.grant if layers.server and lacks else PAST_THE_POOLER,
        location=place(queue),
    )


def _unmatched(queue: Queue) -> str:
    pids = ", ".join(str(each.connection.remote_pid) for each in queue.held[:4])
    return f"the server that was asked shows no such processes ({pids})"
