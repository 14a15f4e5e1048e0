"""An exclusion constraint builds its index while nobody can use the table.

Why: ADD EXCLUDE puts every row into a new index, and compares each with those before it, under an
ACCESS EXCLUSIVE lock. There is no way to prepare it: it takes neither NOT VALID nor an index that
exists. A new table can have it from its first row on.

When: the table existed before. All versions.

Bad:
```sql
ALTER TABLE bookings ADD CONSTRAINT bookings_apart
    EXCLUDE USING gist (int4range(room, room, '[]') WITH &&, during WITH &&);
```

Good:
```sql
CREATE TABLE bookings_new (LIKE bookings INCLUDING ALL);
ALTER TABLE bookings_new ADD CONSTRAINT bookings_apart
    EXCLUDE USING gist (int4range(room, room, '[]') WITH &&, during WITH &&);
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code.constraints import exclusion_chain
from dbtool.lint.code.statements import definition
from dbtool.lint.constraining import name_of
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report exclusion constraints on tables that are in use."""
    for place, step in enumerate(subject.steps):
        action = step.action
        tasks = [*step.effect.of(Cause.EXCLUDE)]
        if isinstance(action, AddConstraint) and tasks:
            name = name_of(subject, action)
            said = definition(subject.statement.sql, place)
            code = exclusion_chain(action.table, name, said)
            yield found(
                subject,
                NAME,
                f"{action.table}: nobody can use the table while the index of {name} is built",
                *locked(subject, step.effect),
                *worked(subject, tasks),
                "there is no online form: a new table, or a time when nobody needs this one",
                about=action.table,
                fix=Fix("python", code, "give it to a new table and move the rows over"),
            )
