"""A concurrent index build waits for every older transaction.

Why: CREATE INDEX CONCURRENTLY lets reads and writes go on, but it waits three times until all
transactions that began before have ended, in any database of the server for some. One that is
left open for hours holds up the deploy for as long.

When: an index is built, rebuilt or dropped concurrently. Look for long transactions first. Style,
asked for only where it is selected. All versions.

Bad:
```sql
CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, code text);
CREATE INDEX letters_code_idx ON letters (code);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateIndex, DetachPartition, DropIndex, Reindex
from dbtool.lint.effect import Work
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex, DropIndex, Reindex, DetachPartition)


def check(subject: Subject) -> Iterator[Finding]:
    """Note waits for older transactions."""
    waits = {
        task.relation
        for step in subject.steps
        for task in step.effect.tasks
        if task.work is Work.WAIT
    }
    if waits:
        names = ", ".join(sorted(map(subject.shown, waits)))
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{names}: it waits until all older transactions have ended",
            certainty=Certainty.PROVEN,
            evidence=("a transaction left open holds up the deploy, not the programs",),
            location=subject.location,
        )
