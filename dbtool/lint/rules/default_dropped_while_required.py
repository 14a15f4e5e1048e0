"""A column loses its default while programs that count on it are still running.

Why: the column takes no null and from now on no INSERT that leaves it out. The release that runs
during the deploy leaves it out: each of its inserts fails with SQLSTATE 23502.

When: the column is NOT NULL, no later operation fills it, and the table is in use. Also where the
same migration adds the column: the running release has never heard of it. All versions.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN status DROP DEFAULT;
```

Good:
```sql
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Action, ChangeIdentity, DropColumn, DropNotNull, SetDefault
from dbtool.lint.code import chain
from dbtool.lint.evidence import afterwards, found, own_code
from dbtool.lint.schema import Column, Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (SetDefault,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report defaults that are dropped from columns that need a value."""
    for place, step in enumerate(subject.steps):
        action = step.action
        if not isinstance(action, SetDefault) or action.default is not None:
            continue
        table = subject.table(action.table)
        column = table.columns.get(action.column) if table else None
        if table is None or column is None or not _required(table, column):
            continue
        later = afterwards(subject, place, action.table, action.column)
        if any(_fills(each, action) for each in later):
            continue
        code = chain(
            f"# deploy the program that names {action.column} in every INSERT first",
            own_code(subject, place),
        )
        yield found(
            subject,
            NAME,
            f"{action.table}.{action.column}: inserts of the running release fail without"
            " its default",
            "the column is NOT NULL, and an INSERT that leaves it out had the default",
            about=action.table,
            severity=Severity.WARNING,
            fix=Fix("python", code, "drop it one deploy later"),
        )


def _required(table: Table, column: Column) -> bool:
    filled = column.identity or column.serial or column.generated
    in_use = not table.new and table.persistence != "temporary"
    return in_use and bool(column.not_null) and column.default is not None and not filled


def _fills(later: Action, dropped: SetDefault) -> bool:
    """Whether a later action of the migration spares inserts the value again."""
    match later:
        case SetDefault(column=column, default=default):
            filled = column == dropped.column and default is not None
        case ChangeIdentity(column=column, change="add") | DropNotNull(column=column):
            filled = column == dropped.column
        case DropColumn(column=column):
            filled = column == dropped.column
        case _:
            return False
    return filled and later.table.name == dropped.table.name
