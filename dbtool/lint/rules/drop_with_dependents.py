"""Something is dropped that others depend on: it fails.

Why: the server refuses to drop a table that a view reads or a foreign key refers to, a type that
a column has, the index of a constraint, and to empty a table others refer to.

When: the history has the dependent. Drop that first; CASCADE would take it without a word. All
versions.

Bad:
```sql
DROP TABLE orders;
```

Good:
```sql
DROP TABLE items;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Drop, DropColumn, DropConstraint, DropIndex, Truncate
from dbtool.lint.effect import Cause, Work
from dbtool.lint.saying import sure
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Drop, DropColumn, DropConstraint, DropIndex, Truncate)


def check(subject: Subject) -> Iterator[Finding]:
    """Report drops that end with an error since something depends on the object."""
    for step, task in subject.tasks(Cause.DEPENDENT):
        if task.work is Work.FAIL and isinstance(step.action, ACTIONS):
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"{subject.shown(task.relation)}: it cannot be dropped, {task.why}",
                certainty=sure(True) if task.why else Certainty.MEASURED,
                evidence=(f"SQLSTATE {task.code}; the whole transaction is undone",),
                location=subject.location,
            )
