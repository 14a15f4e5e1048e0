"""A statement ends with an error on the schema that the migrations before it leave.

Why: the deploy stops there. What the statement names does not exist at that point of the history,
or what it creates is there already, or the tables are defined so that the server refuses it, or
the server's version does not know the form.

When: the history was replayed from an empty database, or the schema was given, so that all that
exists is known. Where part of the history could not be read it is counted as unknown, and so is
a table that could be a partition by its name, which a job may have made. All versions; forms of
newer ones are judged for the version that was asked for.

Bad:
```sql
ALTER TABLE orders ADD COLUMN note text;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN remark text;
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, Unknown, rule_name
from dbtool.lint.actions import (
    Action,
    AddConstraint,
    AlterColumnType,
    CreateIndex,
    DetachPartition,
    DropIndex,
)
from dbtool.lint.effect import Cause, Task, Work
from dbtool.lint.subject import Step, Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)

_PARTITIONED_ELSEWHERE = (AddConstraint, AlterColumnType, CreateIndex, DropIndex, DetachPartition)
"""What partitioned tables refuse of these, rules of their own say."""


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report errors that follow from what exists."""
    if all(step.effect.fails is None for step in subject.steps):
        return
    told = dict.fromkeys(task for step in subject.steps for task in _failures(step))
    for task in told:
        measured = task.seen and not subject.schema.unread
        if subject.schema.doubted and task.cause is not Cause.VERSION and not measured:
            yield _doubted(task)
            continue
        if task.relation.name in subject.schema.left and not measured:
            yield _left(task)
            continue
        if task.cause is Cause.MISSING and not measured and _may_be_partition(task, subject):
            yield _made_elsewhere(task)
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"it fails: {task.why}",
            certainty=Certainty.MEASURED if measured else Certainty.PROVEN,
            evidence=(f"SQLSTATE {task.code}: nothing of it is done, and the deploy stops",),
            location=subject.location,
        )


def _doubted(task: Task) -> Unknown:
    return Unknown(
        rule=NAME,
        reason=f"it fails: {task.why}, unless what could not be read of the history changed that",
        decide="see what that part does, or run it in scratch with --measure",
    )


def _left(task: Task) -> Unknown:
    return Unknown(
        rule=NAME,
        reason=f"it fails: {task.why}, unless what an earlier migration made as temporary is there",
        decide="make it in the migration that needs it: a later deploy has a session of its own",
    )


def _may_be_partition(task: Task, subject: Subject) -> bool:
    """Whether what is missing is named like a partition, or is to be one no more."""
    schema, name = subject.schema, task.relation
    table = schema.table(name)
    if (table is not None and table.complete) or schema.type(name) is not None:
        return False
    detaching = [step.action for step in subject.steps if isinstance(step.action, DetachPartition)]
    if any(name != schema.full(each.table) for each in detaching):
        return True
    begins = (each.name.name for each in schema.tables.values() if each.partition_by)
    return any(name.name.startswith(f"{each}_") for each in begins)


def _made_elsewhere(task: Task) -> Unknown:
    return Unknown(
        rule=NAME,
        reason=f"it fails: {task.why}, unless partitions are made outside of migrations",
        decide="see whether the database has it: jobs that make partitions leave no history",
    )


def _failures(step: Step) -> Iterator[Task]:
    causes = [Cause.MISSING, Cause.EXISTS, Cause.REFUSED, Cause.VERSION]
    if not isinstance(step.action, _PARTITIONED_ELSEWHERE):
        causes.append(Cause.PARTITIONED)
    return (task for task in step.effect.of(*causes) if task.work is Work.FAIL)
