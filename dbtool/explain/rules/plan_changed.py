"""The planner chose another plan than the one that was kept.

Why: another plan is no fault, but where a statement surprises later, this is when it changed.

When: nodes, their order, what they read or their conditions differ; values do not count.
PostgreSQL 14+.

Bad:
```sql
SELECT * FROM shops WHERE id = 7;
SELECT * FROM shops WHERE id = 7 ORDER BY name;
```

Good:
```sql
SELECT * FROM shops WHERE id = 7 AND name <> 'a';
SELECT * FROM shops WHERE id = 8 AND name <> 'b';
```
"""

from collections.abc import Iterator

from dbtool.explain.change import Change
from dbtool.explain.matching import told_once
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import listed

NAME = rule_name(__name__)


def check(change: Change) -> Iterator[Finding]:
    """Report another shape."""
    if change.reshaped:
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title="the plan is another one",
            certainty=Certainty.MEASURED,
            evidence=tuple(_evidence(change)),
        )


def _evidence(change: Change) -> Iterator[str]:
    gone = [old.title for old, new in change.pairs if old is not None and new is None]
    came = [new.title for old, new in change.pairs if new is not None and old is None]
    yield from told_once(
        [f"{old.title} became {new.title}" for old, new in change.both if old.title != new.title]
    )
    if gone:
        yield f"no longer there: {listed(gone)}"
    if came:
        yield f"new: {listed(came)}"
