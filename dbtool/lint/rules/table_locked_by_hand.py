"""LOCK TABLE stops everybody who uses a table until the transaction ends.

Why: what else the transaction does is added to the time that reads or writes wait. A statement
that needs a lock takes it by itself, for no longer than its transaction lasts.

When: the mode makes writes wait, SHARE and stronger, and the table existed before. All versions.

Bad:
```sql
BEGIN;
LOCK TABLE orders;
COMMIT;
```

Good:
```sql
BEGIN;
LOCK TABLE orders IN ROW EXCLUSIVE MODE;
COMMIT;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import LockTable
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (LockTable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report LOCK TABLE in a mode that others wait for."""
    for action, effect in subject.actions(LockTable):
        if effect.lock.blocks_writes:
            waits = "reads and writes wait" if effect.lock.blocks_reads else "writes wait"
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{subject.shown(action.table)}: {waits} until the transaction ends",
                certainty=Certainty.PROVEN,
                evidence=(f"{effect.lock.title} lock, taken by LOCK TABLE",),
                location=subject.location,
            )
