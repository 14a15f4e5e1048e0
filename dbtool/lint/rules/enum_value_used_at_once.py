"""A new value of an enum type is used in the transaction that adds it: it fails.

Why: a value exists for others, and for indexes, only after its transaction has committed. To use
it before, in a default, a check or a row, is error 55P04.

When: ALTER TYPE ... ADD VALUE and the use are in one transaction. Where the type is created in
that same transaction it is allowed. PostgreSQL 12+.

Bad:
```sql
BEGIN;
ALTER TYPE order_state ADD VALUE 'lost';
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'lost';
COMMIT;
```

Good:
```sql
ALTER TYPE order_state ADD VALUE 'lost';
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'lost';
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Action, AddEnumValue
from dbtool.lint.code import autocommit
from dbtool.lint.effect import Cause
from dbtool.lint.saying import is_revision, own_code, sure
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)


def check(subject: Subject) -> Iterator[Finding]:
    """Report uses of a value that does not count yet."""
    for _, task in subject.tasks(Cause.ENUM_VALUE_USED):
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"it fails: {task.why or 'the value was added in this transaction'}",
            certainty=sure(subject.schema.type(task.relation) is not None),
            evidence=(f"SQLSTATE {task.code}; the whole transaction is undone",),
            location=subject.location,
            fix=_fix(subject),
        )
        return


def _fix(subject: Subject) -> Fix | None:
    added = [
        own_code(done.statement)
        for done in subject.before
        if any(isinstance(step.action, AddEnumValue) for step in done.steps)
    ]
    if not added or not is_revision(subject.statement):
        return None
    code = f"{autocommit(*dict.fromkeys(added))}\n{own_code(subject.statement)}"
    return Fix("python", code, "add the value in a transaction of its own")
