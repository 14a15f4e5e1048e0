"""A foreign key is proven for all rows while writes to both tables wait.

Why: ADD FOREIGN KEY holds a SHARE ROW EXCLUSIVE lock on the table and on the one it refers to,
and looks up every row before it lets go. With NOT VALID only new rows are looked at; VALIDATE in
a later transaction looks up the old ones while writes go on.

When: the table existed before. A partitioned table takes NOT VALID from PostgreSQL 18 on; before,
add the key to each partition, validate it there, and add it to the whole at last. All versions.
From 18 on ALTER CONSTRAINT … ENFORCED does the same for a key that was not enforced.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id);
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_user_id_fkey;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddConstraint, AlterConstraint
from dbtool.lint.constraining import name_of, not_valid_fix, partition_keys_fix
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Step, Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint, AlterConstraint)

_NOT_VALID_WHEN_PARTITIONED = 18


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report foreign keys that are validated when they are added."""
    for place, step in enumerate(subject.steps):
        action = step.action
        tasks = [*step.effect.of(Cause.FOREIGN_KEY)]
        if isinstance(action, AlterConstraint):
            yield from _enforced(subject, action, step)
        if isinstance(action, AddConstraint) and tasks:
            name = name_of(subject, action)
            yield found(
                subject,
                NAME,
                f"{action.table}: writes wait while foreign key {name} is proven for every row",
                *locked(subject, step.effect),
                *worked(subject, tasks),
                about=action.table,
                fix=_fix(subject, action, place, name),
            )


def _enforced(subject: Subject, action: AlterConstraint, step: Step) -> Iterator[Finding | Unknown]:
    table, name = action.table, action.constraint
    for missing in step.effect.undecided(Cause.FOREIGN_KEY):
        yield undecided(NAME, f"{table}.{name}", missing)
    if tasks := [*step.effect.of(Cause.FOREIGN_KEY)]:
        yield found(
            subject,
            NAME,
            f"{table}: nobody can use it while foreign key {name} is proven for every row again",
            *locked(subject, step.effect),
            *worked(subject, tasks),
            about=table,
        )


def _fix(subject: Subject, action: AddConstraint, place: int, name: str) -> Fix | None:
    table = subject.table(action.table)
    if table is None or not table.partition_by or subject.server >= _NOT_VALID_WHEN_PARTITIONED:
        return not_valid_fix(subject, action, place, name)
    return partition_keys_fix(subject, action, place)
