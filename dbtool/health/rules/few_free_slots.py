"""Nearly all connection slots are taken: soon the next login is refused.

What it means: a PostgreSQL server has a fixed number of slots. An ordinary role can get
max_connections minus superuser_reserved_connections minus, from PostgreSQL 16 on,
reserved_connections. Once those are taken every further login fails with "sorry, too many
clients already" or "remaining connection slots are reserved", and applications show it as
pool timeouts.

Reads: pg_stat_activity and three settings. Any role may; without pg_monitor the number of
connections is an upper bound, since other roles' parallel workers cannot be told apart.

Thresholds: a warning from 80 % of the usable slots on; an error from 90 % on, or with fewer
than 5 left once half are taken. check_postgres uses 90 and 95 % of max_connections, pgdoctor
70 and 85 %; they count reserved slots as usable, so that these numbers come earlier.

Now: where a quarter of the slots are held by sessions that have sat in an open transaction
for a second and run nothing, the statement given ends them: they are leaks, or slow code
between two statements. Else look at the applications of the report: idle connections are pool
size that is not needed.

For good: let the sum over all processes of pool_size + max_overflow, doubled for a rolling
deployment, stay below the usable slots, or put a pooler in between.

Bad:
```python
engine = create_async_engine(url, pool_size=50, max_overflow=50)  # in each of 8 processes
```

Good:
```python
engine = create_async_engine(url, pool_size=5, max_overflow=5, pool_timeout=5)
```
"""

from collections import Counter
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.ending import terminate
from dbtool.health.pool import IdleTransaction, Pool, Slots
from dbtool.health.wording import service
from dbtool.report import counted, listed

NAME = rule_name(__name__)
WARNING_SHARE = 0.8
ERROR_SHARE = 0.9
ERROR_FREE = 5
"""Fewer free slots than this are an error, where at least half of the slots are taken."""
LEAST_HELD = 3
HELD_SHARE = 0.25
"""Part of the slots in use from which on idle transactions are told as the cause."""
UNTOUCHED_SECONDS = 1.0


def check(pool: Pool) -> Iterator[Finding]:
    """Compare the slots in use with those an ordinary role can get."""
    slots = pool.slots
    severity = _severity(slots)
    if severity is None:
        return
    held = _held(pool)
    yield Finding(
        rule=NAME,
        severity=severity,
        title=_title(slots, held),
        certainty=Certainty.HEURISTIC if slots.hidden else Certainty.MEASURED,
        evidence=tuple(arithmetic(pool)),
        location=Location(name=pool.endpoint.database),
        fix=terminate((each.pid for each in held), pool.server.taken_at)
        if held
        else _smaller_pool(pool),
    )


def _severity(slots: Slots) -> Severity | None:
    share = slots.used / slots.usable
    if share >= ERROR_SHARE or (slots.free < ERROR_FREE and share >= 0.5):
        return Severity.ERROR
    return Severity.WARNING if share >= WARNING_SHARE else None


def _held(pool: Pool) -> tuple[IdleTransaction, ...]:
    """The sessions that sit in an open transaction, where they take much of the slots."""
    held = tuple(each for each in pool.idle_transactions if each.idle_seconds >= UNTOUCHED_SECONDS)
    return held if len(held) >= max(LEAST_HELD, HELD_SHARE * pool.slots.used) else ()


def _title(slots: Slots, held: tuple[IdleTransaction, ...]) -> str:
    title = f"only {slots.free:,} of {counted(slots.usable, 'usable slot')} left"
    if slots.free == 0:
        title = f"no slot is free: all {slots.usable:,} that ordinary roles can use are taken"
    if held:
        title += f"; {len(held):,} sessions sit in an open transaction and run nothing"
    return title


def arithmetic(pool: Pool) -> Iterator[str]:
    """How many slots there are, and who has most of them."""
    slots = pool.slots
    reserved = f"{slots.superuser_reserved} for superusers"
    if slots.role_reserved:
        reserved += f" - {slots.role_reserved} for pg_use_reserved_connections"
    yield f"usable: {slots.max_connections:,} max_connections - {reserved} = {slots.usable:,}"
    top = _consumers(pool).most_common()
    yield "taken by " + listed([f"{name} {count:,}" for name, count in top], 4)
    if slots.hidden:
        yield f"{slots.hidden:,} of them may be parallel workers: {pool.rights.role} cannot tell"


def _consumers(pool: Pool) -> Counter[str]:
    consumers: Counter[str] = Counter()
    for group in pool.groups:
        consumers[service(group.application)] += group.count
    return consumers


def _smaller_pool(pool: Pool) -> Fix:
    (name, count), *_ = _consumers(pool).most_common(1)
    return Fix(
        "python",
        "engine = create_async_engine(url, pool_size=5, max_overflow=5, pool_timeout=5)",
        label=f"{name} holds {count:,}: give each of its processes a smaller pool,"
        " and close what a deployment leaves behind",
    )
