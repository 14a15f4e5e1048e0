"""The planner expects to spend more than when the plan was kept.

Why: it comes before the first slow run. Alone it proves nothing: fresh statistics of a table
that has grown raise the cost of a plan that is as good as before.

When: the cost is a tenth higher and by 10 at least. Where blocks were measured on both sides and
did not rise it is a note; an unmeasured plan that changed and costs twice as much is an error.
PostgreSQL 14+.

Bad:
```sql
SELECT count(*) FROM orders WHERE id < 100;
SELECT count(*) FROM orders WHERE id < 30000;
```

Good:
```sql
SELECT count(*) FROM orders WHERE id < 100;
SELECT count(*) FROM orders WHERE id < 101;
```
"""

from collections.abc import Iterator

from dbtool.explain.change import Change, factor
from dbtool.explain.wording import count
from dbtool.finding import Certainty, Finding, Severity, rule_name

NAME = rule_name(__name__)
LEAST_FACTOR = 1.1
LEAST_MORE = 10
_TWICE = 2.0


def check(change: Change) -> Iterator[Finding]:
    """Report a cost that rose."""
    before, now = change.before.cost, change.now.cost
    if now - before < LEAST_MORE or factor(before, now) < LEAST_FACTOR:
        return
    yield Finding(
        rule=NAME,
        severity=_severity(change),
        title=f"the planner's cost is {count(now)} instead of {count(before)}",
        certainty=Certainty.MEASURED if change.measured else Certainty.HEURISTIC,
    )


def _severity(change: Change) -> Severity:
    if change.measured:
        more = (change.now.blocks or 0) > (change.before.blocks or 0)
        return Severity.WARNING if more else Severity.NOTE
    twice = factor(change.before.cost, change.now.cost) >= _TWICE
    return Severity.ERROR if change.reshaped and twice else Severity.WARNING
