"""Sessions wait for a lock, and the one they all wait for in the end is named.

What it means: a session holds a lock that others need, and while it does they stand still,
each with a connection of its pool. The queue is fair: behind an ALTER TABLE that waits for one
long reader stand all later readers, although they and the first one would not disturb each
other. Those who are waited for and wait themselves are passed over here until somebody is
found who does not wait.

Reads: pg_locks and pg_stat_activity. Any role may; without pg_monitor it cannot see what the
holder does. It is a snapshot: a queue may have moved on since.

Thresholds: a warning from 1 s on, which is when PostgreSQL itself would log a wait; an error
from 30 s on or with 5 sessions that have waited for a second. A holder that sits idle in its
transaction is told by transaction-held-idle, one that is idle without any by
advisory-lock-kept-idle, and a prepared one by prepared-transaction-blocks.

Now: let the holder end, or cancel its statement with the SQL given; `dbtool locks` shows the
whole queue and who would go on. Where the others stand behind somebody who waits, the rule
queue-behind-waiting-statement names that one.

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

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health import ending
from dbtool.health.forest import Node
from dbtool.health.rules.transaction_held_idle import BLOCKING_SECONDS
from dbtool.health.tree import TOLD, Blocking, Tree, named, trees, waits
from dbtool.report import counted, duration

NAME = rule_name(__name__)


def check(subject: Blocking) -> Iterator[Finding]:
    """One finding for each session that a queue begins with, unless another rule tells of it."""
    found = [tree for tree in trees(subject.forest) if tree.severity and not _told(tree.root)]
    for tree in found[:TOLD]:
        yield Finding(
            rule=NAME,
            severity=tree.severity or Severity.WARNING,
            title=_title(tree),
            certainty=Certainty.MEASURED,
            evidence=(*_doing(tree.root), *waits(tree)),
            fix=_fix(tree.root, subject.server.taken_at),
        )
    if rest := found[TOLD:]:
        yield _others(rest)


def _others(rest: list[Tree]) -> Finding:
    waiters = sum(len(tree.waiters) for tree in rest)
    longest = duration(max(tree.longest for tree in rest))
    return Finding(
        rule=NAME,
        severity=max(tree.severity or Severity.WARNING for tree in rest),
        title=f"{counted(waiters, 'session')} wait up to {longest} in {len(rest):,} more queues",
        certainty=Certainty.MEASURED,
    )


def _told(root: Node) -> bool:
    session = root.session
    if session is None:
        return root.prepared is not None
    idle = session.idle_in_transaction or session.state == "idle"
    return idle and (session.state_seconds or 0) >= BLOCKING_SECONDS


def _title(tree: Tree) -> str:
    sessions = len(tree.waiters)
    waits = "waits" if sessions == 1 else "wait"
    title = f"{counted(sessions, 'session')} {waits} for a lock, up to {duration(tree.longest)}"
    if tree.root.waits is not None:
        return f"{title}, in a circle with {named(tree.root)}"
    return f"{title}: {named(tree.root)} holds it"


def _doing(root: Node) -> Iterator[str]:
    session = root.session
    if session is None:
        return
    if session.hidden:
        yield f"pid {root.id}: what it does is hidden: GRANT pg_monitor"
        return
    line = f"pid {root.id}: {session.state or session.backend_type}"
    if session.transaction_seconds:
        line += f", transaction open {duration(session.transaction_seconds)}"
    verb = "runs" if session.state == "active" else "last ran"
    yield f"{line}, {verb}: {session.query or '(nothing)'}"


def _fix(root: Node, seen: str) -> Fix | None:
    if root.session is None or root.remedy is None:
        return None
    if root.remedy.action == "cancel":
        return ending.cancel(root.session)
    if root.session.idle_in_transaction:
        return ending.terminate((root.id,), seen)
    return None
