"""Rows are changed while the same transaction holds a table locked.

Why: an ALTER TABLE that takes a moment holds its ACCESS EXCLUSIVE lock until the transaction ends.
With an UPDATE behind it nobody reads or writes the table until every row has been changed.

When: an earlier statement of the transaction has locked a table that existed before, and the
change is not of rows picked by their key. All versions.

Bad:
```sql
BEGIN;
ALTER TABLE orders ADD COLUMN remark text;
UPDATE orders SET remark = note;
COMMIT;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN remark text;
UPDATE orders SET remark = note WHERE id BETWEEN 1 AND 1000;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Write
from dbtool.lint.code import chain
from dbtool.lint.effect import Cause, Lock
from dbtool.lint.saying import backfill, certainty, own_code
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Write,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of rows behind a strong lock."""
    for action, effect in subject.actions(Write):
        held = [name for name, (lock, _) in subject.held.items() if lock is Lock.ACCESS_EXCLUSIVE]
        if not held or not any(effect.of(Cause.ROWS_CHANGED)):
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{', '.join(map(subject.shown, held))}: nobody can use it"
            f" until all rows of {subject.shown(action.table)} are changed",
            certainty=certainty(subject.schema, action.table),
            evidence=(f"the ACCESS EXCLUSIVE lock of line {_lines(subject, held)} is still held",),
            location=subject.location,
            fix=_fix(subject, action),
        )


def _lines(subject: Subject, held: list[Name]) -> str:
    return ", ".join(dict.fromkeys(str(subject.held[name][1].line) for name in held))


def _fix(subject: Subject, action: Write) -> Fix | None:
    code = backfill(subject.schema, action, subject.statement.sql)
    if code is None:
        return None
    locking = [
        own_code(done.statement)
        for done in subject.before
        if any(step.effect.lock is Lock.ACCESS_EXCLUSIVE for step in done.steps)
    ]
    first = "\n".join(dict.fromkeys(locking))
    return Fix(
        "python", chain(first, code), "change the rows in a revision of their own, in batches"
    )
