"""Sessions wait only behind a statement that itself waits, and would go on without it.

What it means: the queue for a table lock is fair. An ALTER TABLE that waits for one long
reader holds nothing, and still all later readers stand behind it, although they and the first
one would not disturb each other. The outage begins when the statement starts to wait and ends
when it gives up; the reader it waits for has been there before and hurt nobody.

Reads: pg_locks and pg_stat_activity; any role may.

Thresholds: a warning as soon as one session would go on that has waited for a second, an error
from 5 such sessions on.

Now: cancel the waiting statement: traffic is back at once, and it can be tried again. Ending
the one it waits for lets the statement run instead, and the others only after it.

For good: set a lock_timeout for migrations, so that they give up and try again; `dbtool
upgrade` does so.

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
from dbtool.health.forest import Forest, Node
from dbtool.health.tree import (
    ERROR_WAITERS,
    TOLD,
    WARNING_SECONDS,
    Blocking,
    named,
    seconds,
    statement,
)
from dbtool.report import counted, duration

NAME = rule_name(__name__)


def check(subject: Blocking) -> Iterator[Finding]:
    """Look for those who wait and whose end would let others go on at once."""
    found = [
        (node, longest)
        for node in subject.forest.nodes
        if node.waits and node.parent is not None and node.release and node.release.queued
        if (longest := _longest(node, subject.forest)) >= WARNING_SECONDS
    ]
    for node, longest in found[:TOLD]:
        yield _finding(node, longest)
    if rest := found[TOLD:]:
        yield _others(rest)


def _others(rest: list[tuple[Node, float]]) -> Finding:
    freed = sum(node.release.queued for node, _ in rest if node.release)
    longest = duration(max(longest for _, longest in rest))
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if freed >= ERROR_WAITERS else Severity.WARNING,
        title=f"{counted(freed, 'session')} wait up to {longest} only behind"
        f" {len(rest):,} more statements that wait themselves",
        certainty=Certainty.MEASURED,
    )


def _longest(node: Node, forest: Forest) -> float:
    freed = set(node.release.at_once if node.release else ())
    return max((seconds(each) for each in forest.nodes if each.id in freed), default=0.0)


def _finding(node: Node, longest: float) -> Finding:
    assert node.waits is not None
    assert node.release is not None
    freed = node.release.queued
    waits = "waits" if freed == 1 else "wait"
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if freed >= ERROR_WAITERS else Severity.WARNING,
        title=f"{counted(freed, 'session')} {waits} up to {duration(longest)}"
        f" only behind {named(node)}, which waits itself",
        certainty=Certainty.MEASURED,
        evidence=(_doing(node),),
        fix=_fix(node),
    )


def _doing(node: Node) -> str:
    assert node.waits is not None
    waited = duration(node.waits.seconds) if node.waits.seconds is not None else "not yet long"
    return (
        f"pid {node.id} waits {waited} for {node.waits.mode} on {node.waits.thing},"
        f" behind {_before(node)}: {statement(node)}"
    )


def _before(node: Node) -> str:
    """One who waits for nobody, where there is one, and how many more."""
    first = node.blockers[0] if node.parent is None else node.parent
    more = node.blocker_count - 1
    others = f" and {counted(more, 'other')}" if more else ""
    return f"pid {first}{others}" if first > 0 else f"a prepared transaction{others}"


def _fix(node: Node) -> Fix | None:
    if node.session is None or node.remedy is None or node.remedy.action != "cancel":
        return None
    return ending.cancel(node.session)
