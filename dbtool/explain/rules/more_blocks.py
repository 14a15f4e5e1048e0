"""A statement touches at least twice the blocks it touched when its plan was kept.

Why: blocks are what a statement really asks of the server; unlike time they do not depend on
what else the machine does. Another plan, a bloated table or a lost index shows in them first.

When: twice the blocks and 100 more. Where the plan is the same and reads as many more rows, the
table has grown: that is a warning. PostgreSQL 14+.

Bad:
```sql
SELECT count(*) FROM orders WHERE id BETWEEN 1 AND 100;
SELECT count(*) FROM orders WHERE id + 0 BETWEEN 1 AND 100;
```

Good:
```sql
SELECT count(*) FROM orders WHERE id BETWEEN 1 AND 100;
SELECT count(*) FROM orders WHERE id BETWEEN 101 AND 200;
```
"""

from collections.abc import Iterator

from dbtool.explain.baseline import KeptNode
from dbtool.explain.change import Change, factor
from dbtool.explain.wording import count
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

NAME = rule_name(__name__)
LEAST_FACTOR = 2.0
LEAST_MORE = 100
_IN_STEP = 1.5


def check(change: Change) -> Iterator[Finding]:
    """Report statements whose blocks have multiplied."""
    before, now = change.before.blocks or 0, change.now.blocks or 0
    if not change.measured or now - before < LEAST_MORE or factor(before, now) < LEAST_FACTOR:
        return
    grown = not change.reshaped and factor(before, now) <= _IN_STEP * _more_rows(change)
    worst = max(change.both, key=_more, default=None)
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if grown else Severity.ERROR,
        title=f"{count(now)} blocks instead of {count(before)}"
        + (", as there are more rows" if grown else ""),
        certainty=Certainty.MEASURED,
        evidence=(_where(worst),) if worst and _more(worst) > 0 else (),
        location=Location(name=worst[1].title) if worst and _more(worst) > 0 else None,
    )


def _more_rows(change: Change) -> float:
    """How many times more rows the scans return."""
    then = sum((old.rows or 0) * (old.loops or 0) for old, _ in change.both if old.reads)
    now = sum((new.rows or 0) * (new.loops or 0) for _, new in change.both if new.reads)
    return factor(then, now)


def _more(pair: tuple[KeptNode, KeptNode]) -> int:
    old, new = pair
    return (new.blocks or 0) - (old.blocks or 0)


def _where(pair: tuple[KeptNode, KeptNode]) -> str:
    old, new = pair
    return f"most of them at {new.title}: {count(new.blocks or 0)}, was {count(old.blocks or 0)}"
