"""An index is built while every write to its table waits.

Why: CREATE INDEX holds a SHARE lock from its first to its last row. Reads go on; INSERT, UPDATE
and DELETE wait for as long as the build takes. CREATE INDEX CONCURRENTLY takes longer and lets
them through; it cannot run in a transaction.

When: the table existed before. On a partitioned table create the index ON ONLY the parent,
concurrently on each partition, and attach those. PostgreSQL 11+.

Bad:
```sql
CREATE INDEX orders_placed_at_idx ON orders (placed_at);
```

Good:
```sql
CREATE INDEX CONCURRENTLY orders_placed_at_idx ON orders (placed_at);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.code import create_index
from dbtool.lint.effect import Cause
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report indexes that are built under a lock that writers wait for."""
    for action, effect in subject.actions(CreateIndex):
        if any(effect.of(Cause.INDEX)):
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"{action.table}: writes wait while index {action.index.name} is built",
                certainty=Certainty.PROVEN,
                evidence=("SHARE lock on the table while all its rows are read",),
                location=subject.location,
                fix=Fix("python", create_index(action.index), "build it while writes go on"),
            )
