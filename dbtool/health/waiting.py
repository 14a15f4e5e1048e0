"""How long clients of a pooler may wait, and how a queue of them is put into words."""

from collections.abc import Iterator

from dbtool.finding import Location, Severity
from dbtool.health.layers import Held, Layers, Queue
from dbtool.health.wording import service
from dbtool.report import counted, duration

WARNING_SECONDS = 1.0
ERROR_SECONDS = 10.0
TIMEOUT_SHARE = 0.5
LISTED = 4


def severity(queue: Queue, layers: Layers) -> Severity | None:
    """By how long the first client in the queue has waited; None where none waits."""
    pool, timeout = queue.pool, layers.pooler.query_wait_timeout
    if not pool.clients_waiting:
        return None
    limit = min(ERROR_SECONDS, TIMEOUT_SHARE * timeout) if timeout else ERROR_SECONDS
    if pool.max_wait_seconds >= limit:
        return Severity.ERROR
    return Severity.WARNING if pool.max_wait_seconds >= WARNING_SECONDS else Severity.NOTE


def title(queue: Queue) -> str:
    """Who waits where, for how long."""
    pool = queue.pool
    verb = "waits" if pool.clients_waiting == 1 else "wait"
    return (
        f"{counted(pool.clients_waiting, 'client')} of {place(queue).name} {verb} in the pooler"
        f" for up to {duration(pool.max_wait_seconds)}"
    )


def place(queue: Queue) -> Location:
    """The pool by what PgBouncer tells pools apart."""
    return Location(name=f"{queue.pool.user}@{queue.pool.database}")


def holders(held: tuple[Held, ...]) -> Iterator[str]:
    """The first few, each with what the server says of it."""
    for each in held[:LISTED]:
        if each.backend:
            session = each.backend.session
            line = f"pid {session.pid}, {service(each.application)}: {session.state}"
            line += f" for {duration(session.state_seconds or 0.0)}"
            line += ", waits for a lock" if each.backend.waits == "Lock" else ""
            yield f"{line}: {session.query or '(nothing)'}"
    if len(held) > LISTED:
        yield f"+{len(held) - LISTED:,} more"


def limit(layers: Layers) -> Iterator[str]:
    """When PgBouncer itself will turn the waiting away."""
    if layers.pooler.query_wait_timeout:
        waits = duration(layers.pooler.query_wait_timeout)
        yield f"PgBouncer turns a client away after {waits} (query_wait_timeout)"
