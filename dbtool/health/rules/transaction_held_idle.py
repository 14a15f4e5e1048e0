"""A session sits in an open transaction and runs nothing.

What it means: the application began a transaction and then does something else, waits for
another service, or has lost the session. Its connection is taken, its locks are kept, and
while it keeps a snapshot, or once it has written, vacuum cannot remove rows that died since. It
becomes an outage when another session waits for a lock it holds.

Reads: pg_stat_activity; pg_locks where somebody waits. Without pg_monitor the state of other
roles' sessions is hidden and the check says so.

Thresholds: a warning from 30 s on, an error from 300 s on, and an error from 1 s on if it
blocks somebody; below that a session is between two statements. pgdoctor takes half of and
the whole idle_in_transaction_session_timeout or 5 minutes, pganalyze 30 and 60 minutes,
pgmetrics 60 s.

Now: terminate the session with the statement given; it ends only the session that was seen.
pg_cancel_backend returns true and does nothing here, for there is no statement to cancel.

For good: keep remote calls, rendering and streaming out of the session's scope, and let the
server end what is forgotten.

Bad:
```python
async with Session() as session:
    order = await session.get(Order, order_id)
    await payment.charge(order)  # the transaction stays open for as long as this takes
```

Good:
```python
async with Session() as session:
    order = await session.get(Order, order_id)
await payment.charge(order)
```
"""

from collections.abc import Iterator
from typing import Protocol

from dbtool.finding import Certainty, Finding, Severity, Unknown, rule_name
from dbtool.health.ending import terminate
from dbtool.health.pool import IdleTransaction
from dbtool.health.sight import Seen, hidden_states
from dbtool.health.tree import Blocking
from dbtool.health.wording import service
from dbtool.report import counted, duration

NAME = rule_name(__name__)
WARNING_SECONDS = 30
ERROR_SECONDS = 300
BLOCKING_SECONDS = 1
LISTED = 5


class Held(Blocking, Seen, Protocol):
    """What was read of a server, with its idle transactions."""

    @property
    def idle_transactions(self) -> tuple[IdleTransaction, ...]:
        """Those that were read one by one."""


def check(pool: Held) -> Iterator[Finding | Unknown]:
    """Report each application's idle transactions together, the blocking ones first."""
    held: dict[str, list[IdleTransaction]] = {}
    for each in pool.idle_transactions:
        least = BLOCKING_SECONDS if each.blocks else WARNING_SECONDS
        if each.idle_seconds >= least:
            held.setdefault(service(each.application), []).append(each)
    for application, sessions in held.items():
        yield _finding(application, sessions, pool)
    yield from hidden_states(NAME, pool)


def _finding(application: str, sessions: list[IdleTransaction], pool: Held) -> Finding:
    blocked = {pid for each in sessions for pid in each.blocked}
    longest = max(each.idle_seconds for each in sessions)
    error = blocked or longest >= ERROR_SECONDS
    title = f"{application}: {counted(len(sessions), 'transaction')} held idle"
    title += f" for up to {duration(longest)}"
    if blocked:
        at_least = "at least " if any(each.blocks > len(each.blocked) for each in sessions) else ""
        title += f", blocking {at_least}{counted(len(blocked), 'session')}"
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if error else Severity.WARNING,
        title=title,
        certainty=Certainty.MEASURED,
        evidence=(*_evidence(sessions), *_queue(len(blocked), pool.forest.waiters)),
        fix=terminate((each.pid for each in sessions), pool.server.taken_at),
    )


def _evidence(sessions: list[IdleTransaction]) -> Iterator[str]:
    for each in sessions[:LISTED]:
        line = f"pid {each.pid}: idle {duration(each.idle_seconds)}"
        if each.aborted:
            line += ", transaction aborted"
        elif each.transaction_seconds is not None:
            line += f", transaction open {duration(each.transaction_seconds)}"
        if each.blocks:
            line += f", blocks {_blocked(each)}"
        yield f"{line}, last ran: {each.query or '(nothing)'}"
    if len(sessions) > LISTED:
        yield f"+{len(sessions) - LISTED:,} more"
    if any(each.holds_horizon for each in sessions):
        yield "vacuum cannot remove rows that died since they first read or wrote"


def _queue(blocked: int, waiters: int) -> Iterator[str]:
    if 0 < blocked < waiters:
        yield f"{counted(waiters, 'session')} of this server wait for locks, some behind these"


def _blocked(session: IdleTransaction) -> str:
    if session.blocks == 1:
        return f"pid {session.blocked[0]}"
    return counted(session.blocks, "session")
