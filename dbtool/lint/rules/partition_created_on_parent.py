"""A partition is created inside of a partitioned table that is in use.

Why: CREATE TABLE ... PARTITION OF takes an ACCESS EXCLUSIVE lock on the whole partitioned table.
It is brief, but it waits for every query on any partition. A table that is created on its own and
attached takes SHARE UPDATE EXCLUSIVE, which lets reads and writes go on.

When: the partitioned table existed before. PostgreSQL 12+.

Bad:
```sql
CREATE TABLE visits_2028 PARTITION OF visits FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
```

Good:
```sql
CREATE TABLE visits_2028 (LIKE visits INCLUDING ALL EXCLUDING IDENTITY);
ALTER TABLE visits ATTACH PARTITION visits_2028
    FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateTable
from dbtool.lint.code import execute, sql_name
from dbtool.lint.effect import Cause
from dbtool.lint.saying import certainty, in_use
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note partitions that are created with the whole table locked."""
    for action, effect in subject.actions(CreateTable):
        parent, bound = action.partition_of, action.bound
        if parent is None or bound is None or not in_use(effect, parent) or effect.fails:
            continue
        if any(effect.of(Cause.DEFAULT_PARTITION)):
            continue
        of, name = sql_name(parent), sql_name(action.table)
        values = bound.text if bound.default else f"FOR VALUES {bound.text}"
        code = "\n".join(
            (
                execute(f"CREATE TABLE {name} (LIKE {of} INCLUDING ALL EXCLUDING IDENTITY)"),
                execute(f"ALTER TABLE {of} ATTACH PARTITION {name} {values}"),
            )
        )
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{subject.shown(parent)}: reads and writes wait for a moment"
            f" while {subject.shown(action.table)} is created",
            certainty=certainty(subject.schema, parent),
            evidence=("ACCESS EXCLUSIVE lock: brief, but it queues behind every open query",),
            location=subject.location,
            fix=Fix("python", code, "create it beside the table and attach it"),
        )
