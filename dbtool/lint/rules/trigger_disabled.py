"""A trigger is switched off on a table that is in use.

Why: rows that are written meanwhile, by running programs as well, are not seen by the trigger and
never will be. DISABLE TRIGGER ALL switches off foreign keys too: rows that refer to nothing are
accepted, and nothing checks them later.

When: the table existed before. All versions.

Bad:
```sql
ALTER TABLE orders DISABLE TRIGGER ALL;
```

Good:
```sql
ALTER TABLE orders ENABLE TRIGGER ALL;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import AlterTable
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterTable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report DISABLE TRIGGER."""
    for action, effect in subject.actions(AlterTable):
        if action.change == "disable trigger" and effect.locks:
            which = f"trigger {action.subject} is" if action.subject else "triggers are"
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{subject.shown(action.table)}: {which} off, rows written meanwhile"
                " stay unchecked",
                certainty=Certainty.PROVEN,
                evidence=("SHARE ROW EXCLUSIVE lock, brief; running programs write without it",),
                location=subject.location,
            )
