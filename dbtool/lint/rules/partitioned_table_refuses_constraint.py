"""A constraint is added to a partitioned table in a form that only plain tables take.

Why: a partitioned table has no rows and no index of its own, so it takes no index that exists as
its constraint (0A000), and before PostgreSQL 18 no foreign key that is NOT VALID (42809). The
statement ends with an error and the deploy with it.

When: the table is partitioned. An index on the whole alone, to which those of the partitions are
attached, makes values unique as well; a foreign key is added to each partition first. All
versions; foreign keys before PostgreSQL 18.

Bad:
```sql
CREATE UNIQUE INDEX events_day_kind_key ON ONLY events (day, kind);
ALTER TABLE events ADD CONSTRAINT events_day_kind_key UNIQUE USING INDEX events_day_kind_key;
```

Good:
```sql
CREATE UNIQUE INDEX CONCURRENTLY events_2026_key ON events_2026 (day, kind);
CREATE UNIQUE INDEX CONCURRENTLY events_rest_key ON events_rest (day, kind);
CREATE UNIQUE INDEX events_day_kind_key ON ONLY events (day, kind);
ALTER INDEX events_day_kind_key ATTACH PARTITION events_2026_key;
ALTER INDEX events_day_kind_key ATTACH PARTITION events_rest_key;
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code.constraints import partitioned_unique
from dbtool.lint.constraining import name_of, partition_keys_fix
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found
from dbtool.lint.schema import Holds, Index, Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report constraints that the server refuses because the table is partitioned."""
    for place, step in enumerate(subject.steps):
        action = step.action
        for task in step.effect.of(Cause.PARTITIONED):
            if isinstance(action, AddConstraint):
                yield found(
                    subject,
                    NAME,
                    f"{action.table}: {name_of(subject, action)}: {task.why}",
                    f"it ends with SQLSTATE {task.code}, and nothing of it is done",
                    about=action.table,
                    fix=_fix(subject, action, place),
                )


def _fix(subject: Subject, action: AddConstraint, place: int) -> Fix | None:
    if action.constraint.kind is Holds.FOREIGN_KEY:
        return partition_keys_fix(subject, action, place)
    table = subject.table(action.table)
    index = table.indexes.get(action.constraint.index) if table else None
    if table is None or index is None:
        return None
    if any(each.partition_by for each in subject.schema.family(table)[1:]):
        return None
    constraint = replace(action.constraint, name=index.name, columns=index.columns)
    parts = [
        each
        for each in subject.schema.family(table)
        if not each.partition_by and not _has_its_own(each, index)
    ]
    if not parts:
        return None
    code = partitioned_unique(action.table, constraint, parts, there=True)
    return Fix("python", code, "let a unique index on the whole do it")


def _has_its_own(partition: Table, index: Index) -> bool:
    """Whether the partition has the index that makes its share of the whole one."""
    return any(each.unique and each.columns == index.columns for each in partition.indexes.values())
