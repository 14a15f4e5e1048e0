"""A partition is attached without the indexes and foreign keys of the whole table.

Why: ATTACH PARTITION gives the partition whatever the whole table has. An index that it lacks is
built, and a foreign key that it lacks is proven for every row, while nobody can use it. One that
it has already only becomes a part of the whole one.

When: the table existed before. An index of a primary key or a UNIQUE constraint is taken over
only where the partition has such a constraint as well. All versions.

Bad:
```sql
CREATE INDEX visits_path_idx ON ONLY visits (path);
ALTER TABLE visits_2027 ADD CONSTRAINT in_2027
    CHECK (day >= '2027-01-01' AND day < '2028-01-01') NOT VALID;
ALTER TABLE visits_2027 VALIDATE CONSTRAINT in_2027;
ALTER TABLE visits ATTACH PARTITION visits_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```

Good:
```sql
CREATE INDEX visits_path_idx ON ONLY visits (path);
ALTER TABLE visits_2027 ADD CONSTRAINT in_2027
    CHECK (day >= '2027-01-01' AND day < '2028-01-01') NOT VALID;
ALTER TABLE visits_2027 VALIDATE CONSTRAINT in_2027;
CREATE INDEX CONCURRENTLY visits_2027_path_idx ON visits_2027 (path);
ALTER TABLE visits ATTACH PARTITION visits_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, rule_name
from dbtool.lint.actions import AttachPartition
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AttachPartition,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report partitions that get indexes and foreign keys while they are attached."""
    for action, effect in subject.actions(AttachPartition):
        tasks = [*effect.of(Cause.ATTACH_PARTS)]
        if not tasks:
            continue
        name = subject.shown(action.partition)
        parts = ", ".join(dict.fromkeys(task.why for task in tasks if task.why))
        yield found(
            subject,
            NAME,
            f"{name}: nobody can use it while it gets {parts or 'what it lacks'}"
            f" of {subject.shown(action.table)}",
            *locked(subject, effect),
            *worked(subject, tasks),
            about=action.partition,
        )
