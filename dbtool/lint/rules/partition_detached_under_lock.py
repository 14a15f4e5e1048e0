"""A partition is detached while nobody can use the partitioned table.

Why: DETACH PARTITION takes an ACCESS EXCLUSIVE lock on the whole partitioned table. It is brief,
but it waits for every query on any partition, and all that come after it wait behind it. DETACH
CONCURRENTLY lets them through; it cannot run in a transaction. Where foreign keys refer to the
partitioned table, the tables they are on are locked and read whole, in either way.

When: the table existed before. Beside a default partition it cannot be done concurrently.
PostgreSQL 14+.

Bad:
```sql
ALTER TABLE visits DETACH PARTITION visits_2026;
```

Good:
```sql
ALTER TABLE visits DETACH PARTITION visits_2026 CONCURRENTLY;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import DetachPartition
from dbtool.lint.code import autocommit, execute, sql_name
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.evidence import found, listed, locked, worked
from dbtool.lint.saying import certainty
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (DetachPartition,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report DETACH without CONCURRENTLY."""
    for action, effect in subject.actions(DetachPartition):
        if effect.blocks:
            yield _searched(subject, action, effect)
        if action.concurrently or action.finalize or effect.lock is not Lock.ACCESS_EXCLUSIVE:
            continue
        default = _has_default(subject, action)
        of, part = sql_name(action.table), sql_name(action.partition)
        code = autocommit(execute(f"ALTER TABLE {of} DETACH PARTITION {part} CONCURRENTLY"))
        beside = "its default partition rules out a concurrent way"
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{subject.shown(action.table)}: reads and writes wait while"
            f" {subject.shown(action.partition)} is detached",
            certainty=certainty(subject.schema, action.table),
            evidence=(
                "ACCESS EXCLUSIVE lock on the whole partitioned table: brief, but it queues"
                " behind every open query",
                *((beside,) if default else ()),
            ),
            location=subject.location,
            fix=None if default else Fix("python", code, "detach it while the table is used"),
        )


def _searched(subject: Subject, action: DetachPartition, effect: Effect) -> Finding:
    """Foreign keys refer to the whole, so that rows referring to the partition are looked for."""
    tasks = [each for each in effect.of(Cause.DETACH) if each.work is Work.SCAN]
    tables = listed(subject, (each.relation for each in tasks))
    return found(
        subject,
        NAME,
        f"{subject.shown(action.table)}: {tables} cannot be used while rows that refer to"
        f" {subject.shown(action.partition)} are looked for",
        *locked(subject, effect),
        *worked(subject, tasks),
        about=action.table,
    )


def _has_default(subject: Subject, action: DetachPartition) -> bool:
    parent = subject.table(action.table)
    for name in parent.children if parent is not None else ():
        child = subject.table(name)
        if child is not None and child.bound is not None and child.bound.default:
            return True
    return False
