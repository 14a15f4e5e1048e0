"""A statement whose plan was kept can no longer be planned or run.

Why: a column or table it needs is gone, a right was taken away, or it no longer ends in time. The
application still sends it.

When: `dbtool explain --check` meets a server error where a plan was kept. PostgreSQL 14+.

Bad:
```sql
SELECT name FROM shops WHERE id = 7;
SELECT nickname FROM shops WHERE id = 7;
```

Good:
```sql
SELECT name FROM shops WHERE id = 7;
SELECT name FROM shops WHERE id = 8;
```
"""

from collections.abc import Iterator

from dbtool.explain.change import Change
from dbtool.finding import Certainty, Finding, Severity, rule_name

NAME = rule_name(__name__)


def check(change: Change) -> Iterator[Finding]:
    """Report what the server said."""
    if change.failure:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"the statement fails: {change.failure}",
            certainty=Certainty.MEASURED,
        )
