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
from dataclasses import replace

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.code import create_index, partitioned_index
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.replay.naming import index_name
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
                fix=_fix(subject, action),
            )


def _fix(subject: Subject, action: CreateIndex) -> Fix:
    table = subject.table(action.table)
    index = action.index
    if not index.name:
        taken = table.indexes if table is not None else ()
        index = replace(index, name=index_name(index.table.name, index, taken))
    if table is None or not table.partition_by:
        code = create_index(index, subject.statement)
        return Fix("python", code, "build it while writes go on")
    family = subject.schema.family(table)
    partitions = [each.name for each in family if not each.partition_by]
    code = partitioned_index(index, partitions)
    return Fix("python", code, "build it on each partition while writes go on")
