"""One statement takes a third of all execution time.

What it means: nothing else that could be made faster would help this server as much. That is
no fault by itself: a server with one job looks like this. It becomes one when the server is
busy, which is why a statement on a server that has hardly anything to do is not mentioned.

Reads: pg_stat_statements at the beginning and at the end of a window. Without pg_monitor other
roles' statements are hidden and the check says so. A statement counts when it ends.

Thresholds: from 30 % of the time of a window in which statements kept at least a tenth of one
session busy; a warning where this one alone kept a whole session busy. pganalyze's and
pgexporter's lists begin at a third of the total since the counters were last reset, which is
history and says little about now.

Now: `dbtool explain --queryid=ID` shows its plan for any values.

For good: an index or a rewrite that `dbtool explain` proposes; fewer calls where the same
statement is sent once per row.

Bad:
```python
for user in await session.scalars(select(User)):
    posts = await session.scalars(select(Post).where(Post.user_id == user.id))
```

Good:
```python
users = await session.scalars(select(User).options(selectinload(User.posts)))
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.health.statements import explanation
from dbtool.health.top import Top
from dbtool.report import duration, percent

NAME = rule_name(__name__)
SHARE = 0.3
BUSY = 0.1
WHOLE_SESSION = 1.0


def check(top: Top) -> Iterator[Finding]:
    """Report each statement with so large a share; there can be three."""
    if top.window is None or top.window.exec_ms / 1000 < BUSY * top.window.seconds:
        return
    for each in top.window.top:
        if each.share < SHARE:
            continue
        cost, seconds = each.cost, top.window.seconds
        busy = cost.exec_ms / 1000 / seconds
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if busy >= WHOLE_SESSION else Severity.NOTE,
            title=f"one statement takes {percent(each.share)} of the execution time",
            certainty=Certainty.MEASURED,
            evidence=(
                each.query,
                f"{cost.calls:,} calls within {duration(seconds)} as role {each.role}"
                f" in {each.database} kept {busy:.1f} sessions busy",
            ),
            fix=explanation(each, top.access.database),
        )
