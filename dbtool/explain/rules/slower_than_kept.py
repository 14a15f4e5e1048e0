"""A statement took several times as long as when its plan was kept, for the same work.

Why: time depends on the machine, its cache and whatever else it does, so it never fails a check
alone; but it is what users feel.

When: three times as long and by 50 ms at least. PostgreSQL 14+.

Bad:
```sql
SELECT pg_sleep(0.001) FROM shops WHERE id = 7;
SELECT pg_sleep(0.07) FROM shops WHERE id = 7;
```

Good:
```sql
SELECT pg_sleep(0.001) FROM shops WHERE id = 7;
SELECT pg_sleep(0.002) FROM shops WHERE id = 7;
```
"""

from collections.abc import Iterator

from dbtool.explain.change import Change
from dbtool.explain.wording import duration
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

NAME = rule_name(__name__)
LEAST_FACTOR = 3.0
LEAST_MORE = 50.0


def check(change: Change) -> Iterator[Finding]:
    """Report a time that multiplied."""
    before, now = change.before.ms, change.now.ms
    if before is None or now is None:
        return
    if now - before < LEAST_MORE or now < LEAST_FACTOR * before:
        return
    slowest = max(change.now.nodes, key=lambda node: node.own_ms or 0.0)
    yield Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"it took {duration(now)} instead of {duration(before)}",
        certainty=Certainty.MEASURED,
        location=Location(name=slowest.title),
    )
