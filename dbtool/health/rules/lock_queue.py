"""Sessions wait for a lock, and the one they all wait for in the end is named.

What it means: a session holds a lock that others need, and while it does they stand still,
each with a connection of its pool. The queue is fair: behind an ALTER TABLE that waits for one
long reader stand all later readers, although they and the first one would not disturb each
other. Those who are waited for and wait themselves are passed over here until somebody is
found who does not wait.

Reads: pg_locks and pg_stat_activity, and pg_blocking_pids for the 30 processes that have
waited longest. Any role may; without pg_monitor it cannot see what the holder does. It is a
snapshot: a queue may have moved on since.

Thresholds: a warning from 1 s on, which is when PostgreSQL itself would log a wait; an error
from 30 s on or with 5 sessions that have waited for a second. A holder that sits idle in its
transaction is told by transaction-held-idle.

Now: let the holder end, or cancel its statement with the SQL given. Where the others stand
behind somebody who waits, ending that one lets them go on at once.

For good: set a lock_timeout in migrations, keep transactions short, and set
idle_in_transaction_session_timeout.

Bad:
```sql
ALTER TABLE orders ADD COLUMN note text;  -- waits as long as the longest reader, and all behind it
```

Good:
```sql
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN note text;  -- gives up and is tried again
```
"""

from collections import Counter
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health import ending
from dbtool.health.pool import Blocker, Pool, Waiter
from dbtool.health.rules.transaction_held_idle import BLOCKING_SECONDS
from dbtool.health.wording import service
from dbtool.report import counted, duration

NAME = rule_name(__name__)
WARNING_SECONDS = 1
ERROR_SECONDS = 30
ERROR_WAITERS = 5
LISTED = 3
PREPARED = 0
"""How pg_blocking_pids writes a prepared transaction, which has no process."""


def check(pool: Pool) -> Iterator[Finding]:
    """One finding for each session, or prepared transaction, that a queue begins with."""
    told = {
        each.pid
        for each in pool.idle_transactions
        if each.blocks and each.idle_seconds >= BLOCKING_SECONDS
    }
    for root, waiters in _queues(pool.queue).items():
        late = [each for each in waiters if (each.seconds or 0) >= WARNING_SECONDS]
        if late and root[0] not in told:
            yield _finding(pool, root, waiters, len({each.session for each in late}))


Root = tuple[int, str | None]
"""A process, or 0 and the name of a prepared transaction."""


def _queues(queue: tuple[Waiter, ...]) -> dict[Root, list[Waiter]]:
    """Who waits, by whom they wait for in the end; somebody may wait for several."""
    before: dict[int, set[Root]] = {}
    for each in queue:
        first = before.setdefault(each.session, set())
        first |= {(pid, None if pid else each.prepared) for pid in each.blockers}
    found: dict[Root, list[Waiter]] = {}
    for each in queue:
        for root in _roots(each.session, before):
            found.setdefault(root, []).append(each)
    return found


def _roots(session: int, before: dict[int, set[Root]]) -> set[Root]:
    seen, roots, ahead = {session}, set[Root](), [*before[session]]
    while ahead:
        pid, prepared = ahead.pop()
        if pid not in before:
            roots.add((pid, prepared))
        elif pid not in seen:
            seen.add(pid)
            ahead += before[pid]
    return roots


def _finding(pool: Pool, root: Root, waiters: list[Waiter], late: int) -> Finding:
    longest = max(each.seconds or 0 for each in waiters)
    error = longest >= ERROR_SECONDS or late >= ERROR_WAITERS
    sessions = len({each.session for each in waiters})
    holder = next((each for each in pool.blockers if each.pid == root[0]), None)
    waits = "waits" if sessions == 1 else "wait"
    title = f"{counted(sessions, 'session')} {waits} for a lock, up to {duration(longest)}"
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if error else Severity.WARNING,
        title=f"{title}: {_named(root, holder)}",
        certainty=Certainty.MEASURED,
        evidence=tuple(_evidence(pool, holder, waiters)),
        fix=_fix(pool, root, holder),
    )


def _named(root: Root, holder: Blocker | None) -> str:
    pid, prepared = root
    if pid == PREPARED:
        return f'the prepared transaction "{prepared}" holds it' if prepared else _ANY_PREPARED
    if holder is None:
        return f"pid {pid} holds it, which has ended since"
    return f"pid {pid} ({service(holder.application)}) holds it"


_ANY_PREPARED = "a prepared transaction holds it"


def _evidence(pool: Pool, holder: Blocker | None, waiters: list[Waiter]) -> Iterator[str]:
    if holder is not None:
        yield _doing(holder)
    for each in waiters[:LISTED]:
        waited = duration(each.seconds) if each.seconds is not None else "not yet long"
        yield (
            f"pid {each.pid} ({service(each.application)}) waits {waited}"
            f" for {each.mode} on {each.target}: {each.query or '(hidden)'}"
        )
    if len(waiters) > LISTED:
        yield f"+{len(waiters) - LISTED:,} more"
    yield from _amplifier(waiters)
    if pool.lock_waiters > len(pool.queue):
        yield f"{pool.lock_waiters:,} wait in all; these are the longest waits"


def _doing(holder: Blocker) -> str:
    if holder.state is None:
        kind = holder.backend_type or "what it does is hidden: GRANT pg_monitor"
        return f"pid {holder.pid}: {kind}"
    line = f"pid {holder.pid}: {holder.state}"
    if holder.transaction_seconds:
        line += f", transaction open {duration(holder.transaction_seconds)}"
    verb = "runs" if holder.state == "active" else "last ran"
    return f"{line}, {verb}: {holder.query or '(nothing)'}"


def _amplifier(waiters: list[Waiter]) -> Iterator[str]:
    """Somebody who waits and is the only one that others wait for."""
    waiting = {each.session for each in waiters}
    only = Counter(each.blockers[0] for each in waiters if len(each.blockers) == 1)
    for pid, behind in only.most_common():
        if pid in waiting:
            those = "1 of them waits" if behind == 1 else f"{behind:,} of them wait"
            yield f"{those} only behind pid {pid}, which waits itself: ending it lets them go on"
            return


def _fix(pool: Pool, root: Root, holder: Blocker | None) -> Fix | None:
    pid, prepared = root
    if pid == PREPARED and prepared:
        name = prepared.replace("'", "''")
        return Fix(
            "sql",
            f"SELECT * FROM pg_prepared_xacts WHERE gid = '{name}';",
            label="whoever prepared it decides: COMMIT PREPARED or ROLLBACK PREPARED",
        )
    if holder is None or holder.backend_type != "client backend":
        return None
    if holder.state == "active":
        return ending.cancel(holder)
    idle = [each for each in pool.idle_transactions if each.pid == pid]
    return ending.terminate(idle, pool.server.taken_at) if idle else None
