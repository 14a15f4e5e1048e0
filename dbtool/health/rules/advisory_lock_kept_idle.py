"""An idle session keeps an advisory lock, or another lock of the session, that others wait for.

What it means: pg_advisory_lock belongs to the session and outlives its transaction. A pooled
connection that is handed back with one keeps it, so that whoever wants it waits until the pool
closes that connection, which may be never. The session runs nothing and is in no transaction,
so that nothing but the lock table shows it.

Reads: pg_locks and pg_stat_activity. Without pg_monitor the state of other roles' sessions is
hidden, and lock-queue names the session without it.

Thresholds: a warning once somebody has waited for it for a second, an error from 30 s on or
with 5 such sessions. A session that has been idle for less than a second is between two
statements, and may have got the lock only now: lock-queue tells of it.

Now: terminate the session with the command given; a cancel does nothing, for it runs nothing.

For good: take pg_advisory_xact_lock, which ends with the transaction, or release the lock in
the same block that took it. Behind a transaction pooler a session's lock is never safe.

Bad:
```sql
SELECT pg_advisory_lock(4711);  -- and the connection goes back to the pool
```

Good:
```sql
SELECT pg_advisory_xact_lock(4711);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, rule_name
from dbtool.health.forest import Node
from dbtool.health.rules.transaction_held_idle import BLOCKING_SECONDS
from dbtool.health.tree import Blocking, named, trees, waits
from dbtool.report import counted, duration

NAME = rule_name(__name__)


def check(subject: Blocking) -> Iterator[Finding]:
    """One finding for each idle session that a queue begins with."""
    for tree in trees(subject.forest):
        session, severity = tree.root.session, tree.severity
        if session is None or session.state != "idle" or severity is None:
            continue
        if (session.state_seconds or 0) < BLOCKING_SECONDS:
            continue
        idle = duration(session.state_seconds or 0)
        yield Finding(
            rule=NAME,
            severity=severity,
            title=f"{named(tree.root)} has been idle for {idle} and keeps"
            f" {', '.join(tree.root.holds) or 'a lock'}:"
            f" {counted(len(tree.waiters), 'session')} behind it, up to {duration(tree.longest)}",
            certainty=Certainty.MEASURED,
            evidence=(f"last ran: {session.query or '(nothing)'}", *waits(tree)),
            fix=Fix("shell", _kill(tree.root), label="terminates exactly this session"),
        )


def _kill(root: Node) -> str:
    """As `locks` has it, with --force where that is needed."""
    return root.remedy.command if root.remedy else f"dbtool kill {root.id}"
