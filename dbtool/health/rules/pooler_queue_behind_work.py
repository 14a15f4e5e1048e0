"""Clients wait in the pooler because all of its server connections are at work.

What it means: every connection of the pool runs statements, or is handed from client to client
between them. Either statements take too long, perhaps because they wait for locks, or more
work arrives than the pool lets through.

Reads: SHOW POOLS, SERVERS, CLIENTS, STATS and CONFIG of PgBouncer, and pg_stat_activity for
the processes that SHOW SERVERS names.

Thresholds: fewer than half of the connections in use are held idle. A note while the first
client has waited for less than 1 s, which a pooler is for; a warning from there on, an error
from 10 s on or half of query_wait_timeout.

Now: look at what they run. Where they wait for locks, free the lock. A larger pool helps only
while the server has idle CPU and free slots: throughput stops growing at about four
connections per core.

For good: make the dominating statement cheaper, and move long reports to a pool of their own,
so that they cannot take the connections of short requests.

Bad:
```python
reports = create_async_engine("postgresql+asyncpg://app@pooler:6432/shop")
```

Good:
```python
reports = create_async_engine("postgresql+asyncpg://reports@pooler:6432/shop_reports")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, rule_name
from dbtool.health.layers import Layers, Queue
from dbtool.health.waiting import holders, limit, place, severity, title
from dbtool.report import counted, duration

NAME = rule_name(__name__)


def check(layers: Layers) -> Iterator[Finding]:
    """Tell what the connections do, where most of them do something."""
    for queue in layers.queues:
        found = severity(queue, layers)
        if found is not None and queue.cause == "work":
            active = counted(queue.pool.servers_active, "connection")
            yield Finding(
                rule=NAME,
                severity=found,
                title=f"{title(queue)}: its {active} in use {_doing(queue)}",
                certainty=Certainty.MEASURED,
                evidence=(*holders(queue.found), *_rates(queue), *limit(layers)),
                location=place(queue),
                fix=_fix(queue),
            )


def _locked(queue: Queue) -> int:
    return sum(bool(each.backend and each.backend.waits == "Lock") for each in queue.found)


def _doing(queue: Queue) -> str:
    locked = _locked(queue)
    if 2 * locked >= len(queue.found):
        return "wait for locks" if queue.pool.servers_active > 1 else "waits for a lock"
    return "are at work" if queue.pool.servers_active > 1 else "is at work"


def _rates(queue: Queue) -> Iterator[str]:
    took, waited = queue.pool.average_transaction_seconds, queue.pool.average_wait_seconds
    if took and waited is not None:
        yield (
            f"PgBouncer's last period: a transaction took {duration(took)} on average,"
            f" the wait for a connection {duration(waited)}"
        )


def _fix(queue: Queue) -> Fix:
    if _locked(queue):
        return Fix("shell", "dbtool locks", label="shows who holds the lock, and what frees it")
    return Fix("shell", "dbtool top", label="shows which statements take the time")
