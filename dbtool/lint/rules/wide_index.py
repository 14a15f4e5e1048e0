"""An index has more than three columns.

Why: each column makes the index larger and every write slower, while queries seldom use more than
the first two or three. Two narrower indexes serve more queries.

When: it has more than three key columns; those behind INCLUDE do not count. Style, asked for only
where it is selected. All versions.

Bad:
```sql
CREATE INDEX CONCURRENTLY orders_report_idx ON orders (user_id, status, state, placed_at);
```

Good:
```sql
CREATE INDEX CONCURRENTLY orders_report_idx ON orders (user_id, placed_at);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex,)
MOST = 3


def check(subject: Subject) -> Iterator[Finding]:
    """Note indexes with many columns."""
    for action, _ in subject.actions(CreateIndex):
        size = len(action.index.columns)
        if size > MOST and not action.index.unique:
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{subject.shown(action.table)}: index {action.index.name}"
                f" has {size} columns",
                certainty=Certainty.PROVEN,
                evidence=("queries seldom use more than the first two or three",),
                location=subject.location,
            )
