"""TRUNCATE empties a table that is in use.

Why: all rows are gone at once, for programs that run as well; only a backup has them. It takes an
ACCESS EXCLUSIVE lock, and with CASCADE it empties every table that refers to this one, too.

When: the table existed before. All versions.

Bad:
```sql
TRUNCATE bookings;
```

Good:
```sql
DELETE FROM bookings WHERE room = 1;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import Truncate
from dbtool.lint.saying import certainty
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Truncate,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report TRUNCATE of tables that others use."""
    for action, effect in subject.actions(Truncate):
        if subject.is_new(action.table) or not effect.locks or effect.fails:
            continue
        name = subject.shown(action.table)
        known = subject.table(action.table)
        own = {each.name for each in subject.schema.family(known)} if known else set()
        others = [held.relation for held in effect.locks if held.relation not in own]
        also = f" and those of {', '.join(map(subject.shown, others))}" if known and others else ""
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{name}: all its rows{also} are lost",
            certainty=certainty(subject.schema, action.table),
            evidence=("ACCESS EXCLUSIVE lock; running programs find it empty",),
            location=subject.location,
        )
