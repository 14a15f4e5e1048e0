"""A row security policy is created, changed or dropped on a table that is in use.

Why: it takes an ACCESS EXCLUSIVE lock. It is brief, but it waits for every query that reads the
table, and all that come after it wait behind it. Which rows programs see changes at that moment.

When: the table existed before. Only a note: with a short lock_timeout nobody waits long. All
versions.

Bad:
```sql
CREATE POLICY everybody ON orders USING (true);
```

Good:
```sql
CREATE TABLE notes (id bigint PRIMARY KEY);
CREATE POLICY everybody ON notes USING (true);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Drop, Policy
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Policy, Drop)


def check(subject: Subject) -> Iterator[Finding]:
    """Note policies that come, change and go."""
    for made, effect in subject.actions(Policy):
        if effect.locks:
            what = "created" if made.change == "create" else "changed"
            yield _finding(subject, made.table, made.name, what)
    for gone, effect in subject.actions(Drop):
        if gone.kind == "policy" and effect.locks:
            yield _finding(subject, gone.name, gone.part, "dropped")


def _finding(subject: Subject, table: Name, policy: str, what: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{subject.shown(table)}: reads and writes wait for a moment"
        f" while policy {policy} is {what}",
        certainty=Certainty.PROVEN,
        evidence=("ACCESS EXCLUSIVE lock: brief, but it queues behind every open query",),
        location=subject.location,
    )
