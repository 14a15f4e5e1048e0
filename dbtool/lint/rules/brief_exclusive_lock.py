"""A change of the catalog locks a table for a moment.

Why: most ALTER TABLE take an ACCESS EXCLUSIVE lock, if only for a moment. It waits for every query
that uses the table, and all that come after it wait behind it. dbtool sets a short lock_timeout
and tries again, so that nobody waits long; without it one long query is enough.

When: the table existed before, and no other work is done under the lock. Style, asked for only
where it is selected. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN remark text;
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY);
ALTER TABLE letters ADD COLUMN remark text;
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Action
from dbtool.lint.effect import Lock
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)


def check(subject: Subject) -> Iterator[Finding]:
    """Note every ACCESS EXCLUSIVE lock that no work prolongs."""
    if any(step.effect.blocks or step.effect.fails for step in subject.steps):
        return
    locked = {
        held.relation
        for step in subject.steps
        for held in step.effect.locks
        if held.lock is Lock.ACCESS_EXCLUSIVE
    }
    if locked:
        names = ", ".join(sorted(map(subject.shown, locked)))
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{names}: reads and writes wait for a moment",
            certainty=Certainty.PROVEN,
            evidence=("ACCESS EXCLUSIVE lock: brief, but it queues behind every open query",),
            location=subject.location,
        )
