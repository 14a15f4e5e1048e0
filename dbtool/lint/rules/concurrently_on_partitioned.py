"""CONCURRENTLY is asked of a partitioned table, or beside a default partition: it fails.

Why: an index of a partitioned table cannot be built concurrently (error 0A000), and a partition
cannot be detached concurrently where there is a default one (error 55000).

When: always. Create the index ON ONLY the parent, concurrently on each partition, then attach
those. All versions.

Bad:
```sql
CREATE INDEX CONCURRENTLY visits_path_idx ON visits (path);
```

Good:
```sql
CREATE INDEX visits_path_idx ON ONLY visits (path);
CREATE INDEX CONCURRENTLY visits_2026_path_idx ON visits_2026 (path);
ALTER INDEX visits_path_idx ATTACH PARTITION visits_2026_path_idx;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateIndex, DetachPartition, DropIndex
from dbtool.lint.effect import Cause
from dbtool.lint.indexing import while_writes_go_on
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex, DropIndex, DetachPartition)


def check(subject: Subject) -> Iterator[Finding]:
    """Report what cannot be done concurrently."""
    for step, task in subject.tasks(Cause.PARTITIONED):
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"it fails: {task.why}",
            certainty=Certainty.PROVEN,
            evidence=(f"SQLSTATE {task.code}",),
            location=subject.location,
            fix=while_writes_go_on(subject, step.action)
            if isinstance(step.action, CreateIndex)
            else None,
        )
