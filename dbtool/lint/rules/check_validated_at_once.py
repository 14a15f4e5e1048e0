"""A check is proven for all rows while nobody can use the table.

Why: ADD CHECK reads the whole table under an ACCESS EXCLUSIVE lock. With NOT VALID only new rows
are looked at and the lock is short; VALIDATE in a later transaction reads the old rows while
reads and writes go on.

When: the table existed before. All versions.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total > 0);
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_positive;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.constraining import name_of, not_valid_fix
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report checks that are validated when they are added."""
    for place, step in enumerate(subject.steps):
        action = step.action
        tasks = [*step.effect.of(Cause.CHECK)]
        if isinstance(action, AddConstraint) and tasks:
            name = name_of(subject, action)
            yield found(
                subject,
                NAME,
                f"{action.table}: check {name} is proven for every row while nobody can use"
                " the table",
                *locked(subject, step.effect),
                *worked(subject, tasks),
                about=action.table,
                fix=not_valid_fix(subject, action, place, name),
            )
