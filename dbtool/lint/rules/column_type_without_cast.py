"""A column's type cannot change, because no cast leads from the old one to the new.

Why: without USING only casts that assignments use are tried, and from text to a number, a date,
an enum or jsonb there is none. ALTER TABLE ends with an error (42804). The column's default has
to be cast as well, and USING does not speak of it. With a cast the table would be rewritten
under an ACCESS EXCLUSIVE lock, so fill a new column beside it instead.

When: the old type is known. All versions.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN status TYPE order_state;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN status_new order_state;
-- a batch at a time, until every row has it
UPDATE orders SET status_new = status::order_state WHERE id BETWEEN 1 AND 1000;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, rule_name
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.changing import change_of, safely
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of type that the server refuses for want of a cast."""
    for place, step in enumerate(subject.steps):
        action = step.action
        tasks = [*step.effect.of(Cause.TYPE_UNCASTABLE)]
        if isinstance(action, AlterColumnType) and tasks:
            costs = any(step.effect.of(Cause.TYPE_CHANGE))
            yield found(
                subject,
                NAME,
                f"{action.table}.{action.column}: {tasks[0].why}",
                f"it ends with SQLSTATE {tasks[0].code}, and nothing of it is done",
                *(["with a cast the whole table would be written anew"] if costs else []),
                about=action.table,
                fix=safely(subject, change_of(subject, action, place)),
            )
