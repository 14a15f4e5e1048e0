"""A trigger is created or dropped on a table that is in use.

Why: CREATE TRIGGER takes a SHARE ROW EXCLUSIVE lock, behind which writes wait, and DROP TRIGGER
an ACCESS EXCLUSIVE one, behind which everything waits. Both are brief, and queue behind every
open transaction that has written to, or read from, the table.

When: the table existed before. Only a note: with a short lock_timeout nobody waits long. All
versions.

Bad:
```sql
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
```

Good:
```sql
CREATE TABLE notes (id bigint PRIMARY KEY);
CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateTrigger, Drop
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTrigger, Drop)


def check(subject: Subject) -> Iterator[Finding]:
    """Note triggers that come and go."""
    for made, effect in subject.actions(CreateTrigger):
        if effect.locks:
            yield _finding(subject, subject.shown(made.table), made.name, "created", "writes")
    for gone, effect in subject.actions(Drop):
        if gone.kind == "trigger" and effect.locks:
            name = subject.shown(gone.name)
            yield _finding(subject, name, gone.part, "dropped", "reads and writes")


def _finding(subject: Subject, table: str, trigger: str, what: str, waiting: str) -> Finding:
    lock = "SHARE ROW EXCLUSIVE" if what == "created" else "ACCESS EXCLUSIVE"
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{table}: {waiting} wait for a moment while trigger {trigger} is {what}",
        certainty=Certainty.PROVEN,
        evidence=(f"{lock} lock: brief, but it queues behind open transactions",),
        location=subject.location,
    )
