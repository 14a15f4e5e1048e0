"""A migration takes back the limit on how long it may wait for a lock.

Why: whoever waits for an ACCESS EXCLUSIVE lock makes everybody behind it wait as well. Without
lock_timeout one long query is enough to stop all that use the table, for as long as it runs.

When: lock_timeout is set to 0. dbtool sets a short one for each migration and tries again. All
versions.

Bad:
```sql
SET lock_timeout = 0;
```

Good:
```sql
SET lock_timeout = '2s';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import SetVariable
from dbtool.lint.code import execute
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (SetVariable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report lock_timeout = 0."""
    for action, _ in subject.actions(SetVariable):
        number = action.value.rstrip("minhsud ")
        if action.name == "lock_timeout" and number == "0":
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title="lock_timeout is 0: it waits for locks without end, and others behind it",
                certainty=Certainty.PROVEN,
                evidence=("one long query then stops everybody who uses the table",),
                location=subject.location,
                fix=Fix(
                    "python", execute("SET lock_timeout = '2s'"), "give up soon, and try again"
                ),
            )
