"""A new partition makes the server read the whole default partition while nobody can use it.

Why: rows of the new bounds may be in the default partition. The server reads all of it under an
ACCESS EXCLUSIVE lock, CREATE TABLE ... PARTITION OF with the whole partitioned table locked as
well, and fails with error 23514 where it finds one.

When: there is a default partition with no validated check that excludes the new bounds. All
versions.

Bad:
```sql
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```

Good:
```sql
ALTER TABLE events_rest ADD CONSTRAINT events_rest_without_2027
    CHECK (day < '2027-01-01' OR day >= '2028-01-01') NOT VALID;
ALTER TABLE events_rest VALIDATE CONSTRAINT events_rest_without_2027;
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import AttachPartition, CreateTable
from dbtool.lint.code import chain, exclude_bound
from dbtool.lint.effect import Cause, Effect, Task
from dbtool.lint.saying import certainty, own_code, undecided
from dbtool.lint.schema import Bound, Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTable, AttachPartition)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report partitions whose rows may be in the default partition."""
    for made, effect in subject.actions(CreateTable):
        if made.partition_of is not None and made.bound is not None:
            yield from _said(subject, made.partition_of, made.bound, effect)
    for attached, effect in subject.actions(AttachPartition):
        yield from _said(subject, attached.table, attached.bound, effect)


def _said(
    subject: Subject, parent: Name, bound: Bound, effect: Effect
) -> Iterator[Finding | Unknown]:
    tasks = [*effect.of(Cause.DEFAULT_PARTITION)]
    if tasks:
        names = ", ".join(subject.shown(task.relation) for task in tasks)
        locked = ", ".join(dict.fromkeys(subject.shown(each.relation) for each in effect.locks))
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{names}: the whole default partition is read while nobody can use it",
            certainty=certainty(subject.schema, parent),
            evidence=(f"ACCESS EXCLUSIVE lock on it; locked meanwhile: {locked}",),
            location=subject.location,
            fix=_fix(subject, parent, bound, tasks[0]),
        )
    for missing in effect.undecided(Cause.DEFAULT_PARTITION):
        yield undecided(NAME, subject.shown(parent), missing)


def _fix(subject: Subject, parent: Name, bound: Bound, task: Task) -> Fix | None:
    table = subject.table(parent)
    written = task.relation._replace(schema=parent.schema and task.relation.schema)
    steps = exclude_bound(written, table.partition_keys if table else (), bound)
    if not steps:
        return None
    added, validated, dropped = steps
    code = chain(added, validated, f"{own_code(subject.statement)}\n{dropped}")
    return Fix("python", code, "prove first that the default partition has no such row")
