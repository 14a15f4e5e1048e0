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
from itertools import islice

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Write
from dbtool.lint.code import chain
from dbtool.lint.effect import Cause
from dbtool.lint.saying import along, backfill, certainty, own_code
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Write,)
MOST = 3


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of rows behind a strong lock."""
    held = subject.session.exclusive
    for action, effect in subject.actions(Write) if held else ():
        if not any(effect.of(Cause.ROWS_CHANGED)):
            continue
        first = [*islice(held, MOST)]
        more = f" and {len(held) - MOST} more" if len(held) > MOST else ""
        lines = ", ".join(dict.fromkeys(str(held[name].line) for name in first))
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{', '.join(map(subject.shown, first))}{more}: nobody can use it"
            f" until the rows of {subject.shown(action.table)} are changed",
            certainty=certainty(subject.schema, action.table),
            evidence=(f"the ACCESS EXCLUSIVE lock of line {lines} is still held",),
            location=subject.location,
            fix=_fix(subject, action),
        )


def _fix(subject: Subject, action: Write) -> Fix | None:
    code = backfill(subject.schema, action, subject.statement.sql)
    if code is None:
        return None
    held = subject.session.exclusive
    locking = held.values() if len(held) <= MOST else ()
    first = "\n".join(dict.fromkeys(map(own_code, locking)))
    whole = chain(first, code) if first else code
    label = "change the rows in a revision of their own, in batches"
    return Fix("python", whole, along(subject.schema, action, label))
