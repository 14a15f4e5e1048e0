"""A command that cannot run in a transaction is in one: it fails.

Why: CREATE INDEX CONCURRENTLY and its relatives commit in between, which a transaction forbids:
the server ends it with error 25001. Alembic runs a revision in a transaction unless the
statement is in an autocommit block.

When: always. It is the same for VACUUM and for REINDEX of a schema or database. All versions.

Bad:
```sql
BEGIN;
CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);
COMMIT;
```

Good:
```sql
CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import (
    CreateIndex,
    DetachPartition,
    DoBlock,
    DropIndex,
    Maintain,
    Reindex,
)
from dbtool.lint.code import autocommit
from dbtool.lint.effect import Cause
from dbtool.lint.saying import is_revision, own_code
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex, DropIndex, Reindex, DetachPartition, Maintain)


def check(subject: Subject) -> Iterator[Finding]:
    """Report commands that end with an error since they are in a transaction."""
    for _, task in subject.tasks(Cause.IN_TRANSACTION):
        statement = subject.statement
        code = autocommit(own_code(statement)) if is_revision(statement) else statement.sql
        label = "run it outside of the transaction"
        in_block = any(isinstance(step.action, DoBlock) for step in subject.steps)
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"it fails: {task.why}",
            certainty=Certainty.PROVEN,
            evidence=(f"SQLSTATE {task.code}; the whole transaction is undone",),
            location=subject.location,
            fix=None
            if in_block
            else Fix("python" if is_revision(statement) else "sql", code, label),
        )
        return
