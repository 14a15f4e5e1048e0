"""Several sessions of one application stopped after the same statement, one after the other.

What it means: sessions are checked out and never returned, on one code path. Each time it
runs, the pool loses a connection, until the pool timeout hits everybody. A burst looks
different: its sessions stopped at the same time.

Reads: pg_stat_activity. Without pg_monitor the state of other roles' sessions is hidden and
transaction-held-idle says so.

Thresholds: at least 3 sessions of one application, role and database that are idle in
transaction after the same statement, each untouched for at least 2 s, and with ages spread
over at least half of the oldest one without one gap that holds most of the spread. It is
always a warning, and heuristic: one sample cannot follow the sessions.

Now: the statement named was the last one on the path that leaks; look for the code that runs
it. transaction-held-idle gives the statement that ends the sessions.

For good: let a context manager own every session.

Bad:
```python
session = Session()
user = await session.get(User, user_id)
if user is None:
    raise HTTPException(404)  # the session is never closed
await session.close()
```

Good:
```python
async with Session() as session:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
```
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health.pool import IdleTransaction, Pool
from dbtool.health.wording import service
from dbtool.report import counted, duration

NAME = rule_name(__name__)
LEAST_SESSIONS = 3
UNTOUCHED_SECONDS = 2.0
LEAST_SPREAD = 0.5
"""Part of the oldest age that the ages must span."""
WIDEST_GAP = 0.8
"""Part of that span that one gap may take; a wider one means two bursts."""


def check(pool: Pool) -> Iterator[Finding]:
    """Look for one statement after which sessions were left at different times."""
    for (application, _, _), sessions in _alike(pool.idle_transactions).items():
        ages = sorted(each.idle_seconds for each in sessions)
        if len(ages) >= LEAST_SESSIONS and _spread(ages):
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{application}: {counted(len(ages), 'session')} look leaked,"
                f" left one by one over {duration(ages[-1] - ages[0])}",
                certainty=Certainty.HEURISTIC,
                evidence=(
                    f"all ran last: {sessions[0].query or '(nothing)'}",
                    f"idle for {duration(ages[0])} to {duration(ages[-1])} in open transactions",
                ),
                fix=Fix(
                    "python",
                    "async with Session() as session:\n    ...",
                    label="let a context manager own the session on the path that runs it",
                ),
            )


def _alike(
    sessions: Iterable[IdleTransaction],
) -> dict[tuple[str, str, str], list[IdleTransaction]]:
    alike: dict[tuple[str, str, str], list[IdleTransaction]] = {}
    for each in sessions:
        if each.idle_seconds >= UNTOUCHED_SECONDS:
            key = (service(each.application), f"{each.role} {each.database}", each.fingerprint)
            alike.setdefault(key, []).append(each)
    return alike


def _spread(ages: list[float]) -> bool:
    span = ages[-1] - ages[0]
    widest = max(later - earlier for earlier, later in pairwise(ages))
    return span >= LEAST_SPREAD * ages[-1] and widest <= WIDEST_GAP * span
