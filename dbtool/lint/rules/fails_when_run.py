"""A statement ends with an error on the schema its parent leaves.

Why: the deploy would stop there. The statement was run after all migrations before it, in a
throwaway server of the version that was asked for, and the server refused it.

When: the migrations were measured (`--measure`), and no other rule names the reason. All versions.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT odd CHECK (no_such_function(id));
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT odd CHECK (id % 2 = 1) NOT VALID;
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, Unknown, rule_name
from dbtool.lint.actions import Action
from dbtool.lint.effect import Cause, Work
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)
_OF_NAMES = "42"
"""The class of errors that rest on what there is and how it is defined."""


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report the error of a statement that was run."""
    for _, task in subject.tasks(Cause.UNEXPECTED):
        if task.work is not Work.FAIL:
            continue
        if subject.schema.unread and task.code.startswith(_OF_NAMES):
            yield Unknown(
                rule=NAME,
                reason=f"the server refuses it: {task.why}, but what could not be read was not run",
                decide="see what that part does, or measure from a --baseline",
            )
        else:
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"the server refuses it: {task.why}",
                certainty=Certainty.MEASURED,
                evidence=((f"SQLSTATE {task.code}",) if task.code else ()),
                location=subject.location,
            )
