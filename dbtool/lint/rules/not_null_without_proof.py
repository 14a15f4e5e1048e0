"""SET NOT NULL reads the whole table while nobody can use it.

Why: the server looks at every row under an ACCESS EXCLUSIVE lock, unless a validated CHECK
constraint says already that the column has no null. Validating one lets reads and writes go on.

When: no validated check proves it. A constraint that is NOT VALID proves nothing.
PostgreSQL 12+.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_note_not_null CHECK (note IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_note_not_null;
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_note_not_null;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import SetNotNull
from dbtool.lint.code import not_null_chain
from dbtool.lint.effect import Cause
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (SetNotNull,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report SET NOT NULL that nothing has proven before."""
    for action, effect in subject.actions(SetNotNull):
        column = f"{action.table}.{action.column}"
        if any(effect.of(Cause.SET_NOT_NULL)):
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"{column}: the whole table is read while nobody can use it",
                certainty=Certainty.PROVEN,
                evidence=("ACCESS EXCLUSIVE lock while every row is checked for null",),
                location=subject.location,
                fix=Fix("python", not_null_chain(action.table, action.column), "prove it first"),
            )
        for missing in effect.undecided(Cause.SET_NOT_NULL):
            yield Unknown(rule=NAME, reason=f"{column}: {missing.fact}", decide=missing.decide)
