"""ATTACH PARTITION reads the whole partition while nobody can use it.

Why: the server makes sure that every row is within the bounds. It holds an ACCESS EXCLUSIVE lock
on the partition while it looks, unless a validated CHECK constraint says so already. Validating
one lets reads and writes go on.

When: no validated check proves the bounds. The check can be dropped afterwards. PostgreSQL 12+.

Bad:
```sql
ALTER TABLE visits ATTACH PARTITION visits_2027
    FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```

Good:
```sql
ALTER TABLE visits_2027 ADD CONSTRAINT visits_2027_bounds
    CHECK (day IS NOT NULL AND day >= '2027-01-01' AND day < '2028-01-01') NOT VALID;
ALTER TABLE visits_2027 VALIDATE CONSTRAINT visits_2027_bounds;
ALTER TABLE visits ATTACH PARTITION visits_2027
    FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import AttachPartition
from dbtool.lint.code import attach_partition
from dbtool.lint.effect import Cause
from dbtool.lint.saying import certainty, undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AttachPartition,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report partitions whose rows are checked when they are attached."""
    for action, effect in subject.actions(AttachPartition):
        name = subject.shown(action.partition)
        if any(effect.of(Cause.ATTACH)):
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"{name}: the whole table is read while nobody can use it",
                certainty=certainty(subject.schema, action.partition),
                evidence=(
                    "ACCESS EXCLUSIVE lock while every row is compared with the bounds,"
                    f" SHARE UPDATE EXCLUSIVE on {subject.shown(action.table)}",
                ),
                location=subject.location,
                fix=_fix(subject, action),
            )
        for missing in effect.undecided(Cause.ATTACH):
            yield undecided(NAME, name, missing)


def _fix(subject: Subject, action: AttachPartition) -> Fix | None:
    parent = subject.table(action.table)
    keys = parent.partition_keys if parent is not None else ()
    code = attach_partition(action.table, action.partition, keys, action.bound)
    return Fix("python", code, "prove the bounds first") if code else None
