"""A column that always had a value may be without one from now on.

Why: the lock is short, but the running release was written for a column that is never null, and
meets the first null as soon as the new release writes one. Going back later means looking at
every row again.

When: the column is NOT NULL and its table in use. Where only the value at INSERT is missing, a
default does it. All versions.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN status DROP NOT NULL;
```

Good:
```sql
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'unknown';
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Action, DropColumn, DropNotNull, Rename, SetNotNull
from dbtool.lint.code import chain
from dbtool.lint.evidence import afterwards, found, own_code
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (DropNotNull,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note columns that become nullable; one that is retired by a rename is left alone."""
    for place, step in enumerate(subject.steps):
        action = step.action
        if not isinstance(action, DropNotNull) or not step.effect.locks or step.effect.fails:
            continue
        table = subject.table(action.table)
        column = table.columns.get(action.column) if table else None
        if column is None or not column.not_null:
            continue
        later = afterwards(subject, place, action.table, action.column)
        if any(_settles(each, action) for each in later):
            continue
        code = chain(
            f"# deploy the program that can read a null {action.column} first",
            own_code(subject, place),
        )
        yield found(
            subject,
            NAME,
            f"{action.table}.{action.column}: the running release can meet nulls it does not know",
            "it was NOT NULL until now",
            about=action.table,
            severity=Severity.NOTE,
            fix=Fix("python", code, "let programs be ready for it one deploy before"),
        )


def _settles(later: Action, dropped: DropNotNull) -> bool:
    """Whether a later action of the migration takes it back, or the column away."""
    match later:
        case SetNotNull(column=column) | DropColumn(column=column):
            return column == dropped.column and later.table.name == dropped.table.name
        case Rename(kind="column", part=column):
            return column == dropped.column and later.name.name == dropped.table.name
    return False
