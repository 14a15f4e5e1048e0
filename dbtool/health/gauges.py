"""The numbers about connections and poolers that monitoring keeps."""

from collections import Counter
from collections.abc import Iterator

from dbtool.health.layers import Layers, Queue
from dbtool.health.pool import Pool
from dbtool.health.tree import seconds
from dbtool.health.wording import service
from dbtool.report import Metric


def connections(pool: Pool) -> Iterator[Metric]:
    """Slots and locks; what was not read, or for want of rights not in full, is left out.

    A zero would be taken for the truth.
    """
    slots, forest = pool.slots, pool.forest
    yield Metric("connections", slots.used, "Client connections.", most=slots.usable)
    yield Metric("connections_usable", slots.usable, "Slots that ordinary roles can get.")
    if forest.known:
        yield Metric("lock_waiters", forest.waiters, "Sessions that wait for a lock.")
        longest = max((seconds(node) for node in forest.nodes), default=0.0)
        yield Metric("lock_wait_longest_seconds", longest, "The longest of these waits.")
    if pool.sight.complete:
        idle = pool.idle_transaction_count
        yield Metric("idle_transactions", idle, "Sessions idle in a transaction.")
        age = pool.oldest_transaction.seconds if pool.oldest_transaction else 0.0
        yield Metric("transaction_oldest_seconds", age, "The oldest open transaction.")


def slots(pool: Pool) -> Iterator[Metric]:
    """How many are taken and by whom, in which state.

    No name is one of `connections`: who collects both commands has each sample once.
    """
    taken = pool.slots
    yield Metric("slots_used", taken.used, "Connection slots in use.", most=taken.usable)
    yield Metric("slots_usable", taken.usable, "Slots that ordinary roles can get.")
    counts: Counter[tuple[str, str]] = Counter()
    for group in pool.groups:
        counts[service(group.application), group.state or "hidden"] += group.count
    for (application, state), count in counts.items():
        labels = (("application", application), ("state", state))
        yield Metric("application_connections", count, "Connections by application.", labels)


def poolers(layers: Layers) -> Iterator[Metric]:
    """What the pooler counts, pool by pool."""
    pooler = layers.pooler
    most = pooler.max_clients
    yield Metric("pooler_clients", pooler.clients, "Clients of the pooler.", most=most)
    for queue in layers.queues:
        labels = (("database", queue.pool.database), ("user", queue.pool.user))
        for name, value, meaning in _of_queue(queue):
            yield Metric(f"pooler_{name}", value, meaning, labels)


def _of_queue(queue: Queue) -> Iterator[tuple[str, float, str]]:
    pool = queue.pool
    yield "clients_active", pool.clients_active, "Clients that have a server connection, or rest."
    yield "clients_waiting", pool.clients_waiting, "Clients that wait for a server connection."
    yield "wait_longest_seconds", pool.max_wait_seconds, "The longest of these waits."
    yield "servers_active", pool.servers_active, "Server connections in use."
    yield "servers_idle", pool.servers_idle, "Server connections that nobody has."
    if pool.size:
        yield "servers_most", pool.size, "Server connections that the pool may open."
    if queue.found or not queue.held:
        yield "servers_held_idle", len(queue.idle), "Server connections held without running."
