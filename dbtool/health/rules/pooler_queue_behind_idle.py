"""Clients wait in the pooler because its server connections are held without running anything.

What it means: in transaction mode a server connection belongs to a client until its
transaction ends. The holders named here have begun one and then do something else: they wait
for another service, or were forgotten. The server looks calm, and a larger pool only lets more
of them pile up. In session mode a connection belongs to a client until that disconnects, so
that idle clients hold theirs too.

Reads: SHOW POOLS, SERVERS and CLIENTS of PgBouncer, and pg_stat_activity for the processes
that SHOW SERVERS names. Without pg_monitor other roles' sessions cannot be told apart.

Thresholds: at least half of the pool's connections in use have run nothing for a second. A
note while the first client has waited for less than 1 s, a warning from there on, an error
from 10 s on or half of query_wait_timeout, at the end of which PgBouncer disconnects clients.

Now: terminate the holders with the statement given; PgBouncer opens new connections for those
who wait. It ends only sessions that have done nothing since they were seen.

For good: keep remote calls, rendering and streaming out of the session's scope, set
idle_transaction_timeout in pgbouncer.ini, and a pool_timeout shorter than the request's limit.

Bad:
```python
async with Session() as session:
    order = await session.get(Order, order_id)
    await payment.charge(order)  # one of the pooler's few connections is kept meanwhile
```

Good:
```python
async with Session() as session:
    order = await session.get(Order, order_id)
await payment.charge(order)
```
"""

from collections import Counter
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, rule_name
from dbtool.health.ending import terminate
from dbtool.health.layers import Layers, Queue
from dbtool.health.waiting import holders, limit, place, severity, title
from dbtool.health.wording import service
from dbtool.report import listed

NAME = rule_name(__name__)


def check(layers: Layers) -> Iterator[Finding]:
    """Blame the holders that run nothing, where they are half of those in use."""
    for queue in layers.queues:
        found = severity(queue, layers)
        if found is not None and queue.cause == "idle":
            yield Finding(
                rule=NAME,
                severity=found,
                title=f"{title(queue)}: {_held(queue)}",
                certainty=Certainty.MEASURED,
                evidence=(_by(queue), *holders(queue.idle), *limit(layers)),
                location=place(queue),
                fix=_fix(queue, layers),
            )


def _held(queue: Queue) -> str:
    idle, active = len(queue.idle), queue.pool.servers_active
    where = "in transaction" if _in_transaction(queue) else "by clients that stay connected"
    return f"{idle:,} of its {active:,} connections in use are held idle {where}"


def _in_transaction(queue: Queue) -> tuple[int, ...]:
    return tuple(
        each.backend.session.pid
        for each in queue.idle
        if each.backend and each.backend.session.idle_in_transaction
    )


def _by(queue: Queue) -> str:
    names = Counter(service(each.application) for each in queue.idle)
    return "held by " + listed([f"{name} {count:,}" for name, count in names.most_common()], 4)


def _fix(queue: Queue, layers: Layers) -> Fix | None:
    pids = _in_transaction(queue)
    if pids and layers.server:
        return terminate(pids, layers.server.server.taken_at)
    return Fix(
        "ini",
        "pool_mode = transaction",
        label="hands a connection on after each transaction; session state, such as SET and"
        " session advisory locks, then no longer works",
    )
