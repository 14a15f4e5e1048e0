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

from dbtool.finding import Finding, Unknown, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.indexing import while_writes_go_on
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report indexes that are built under a lock that writers wait for."""
    for action, effect in subject.actions(CreateIndex):
        named = f"index {action.index.name}" if action.index.name else "an index"
        for missing in effect.undecided(Cause.INDEX):
            yield undecided(NAME, f"{action.table}: {named}", missing)
        if tasks := [*effect.of(Cause.INDEX)]:
            yield found(
                subject,
                NAME,
                f"{action.table}: writes wait while {named} is built",
                *locked(subject, effect),
                *worked(subject, tasks),
                about=action.table,
                fix=while_writes_go_on(subject, action),
            )
