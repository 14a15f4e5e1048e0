"""A constraint is validated in the transaction that holds a strong lock on its table.

Why: VALIDATE by itself lets reads and writes go on. But locks last until the transaction ends:
where an earlier statement of it took one that writers wait for, as ADD CONSTRAINT … NOT VALID
does, they go on waiting while every row is read. All that NOT VALID has won is lost.

When: both stand in one transaction, as two operations of one revision do. All versions.

Bad:
```sql
BEGIN;
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_positive;
COMMIT;
```

Good:
```sql
BEGIN;
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total > 0) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_positive;
COMMIT;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import ValidateConstraint
from dbtool.lint.code import NEXT
from dbtool.lint.code.columns import validate
from dbtool.lint.effect import Cause, Task
from dbtool.lint.evidence import found, worked
from dbtool.lint.saying import place
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (ValidateConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report validations under a lock that was taken before."""
    for action, effect in subject.actions(ValidateConstraint):
        tasks = [*effect.of(Cause.VALIDATE_HELD)]
        if not tasks:
            continue
        code = f"{NEXT}\n{validate(action.table, action.constraint)}"
        yield found(
            subject,
            NAME,
            f"{action.table}: {action.constraint} is proven for every row under an older lock",
            *_held(subject, tasks[0]),
            *worked(subject, tasks),
            about=action.table,
            fix=Fix("python", code, "validate it in a revision of its own"),
        )


def _held(subject: Subject, task: Task) -> Iterator[str]:
    """The lock, and where it was taken: before, or by another command of the statement."""
    here = max(step.effect.lock_on(task.relation) for step in subject.steps)
    lock, statement = subject.held.get(task.relation, (here, subject.statement))
    waiting = "reads and writes wait" if lock.blocks_reads else "writes wait"
    taken = f" since {at}" if (at := str(place(statement))) else ""
    yield f"{lock.title} lock on {subject.shown(task.relation)}{taken}: {waiting}"
