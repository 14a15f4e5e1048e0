"""A column's type cannot change, because something is made of the column.

Why: a view, rule, policy, trigger or generated column that reads the column depends on its type,
a partitioned table on the type of its key, and a partition on the type in the whole table. ALTER
TABLE ends with an error (0A000, 42P16) and the deploy with it.

When: the history, or the schema that was given, has something that reads it. All versions.

Bad:
```sql
ALTER TABLE users ALTER COLUMN name TYPE text;
```

Good:
```sql
BEGIN;
DROP VIEW active_users;
ALTER TABLE users ALTER COLUMN name TYPE text;
CREATE VIEW active_users AS SELECT id, name FROM users WHERE active;
COMMIT;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.changing import change_of, safely
from dbtool.lint.code import execute, sql_name
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, own_code
from dbtool.lint.schema import Name, View
from dbtool.lint.subject import Step, Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of type that the server refuses."""
    for place, step in enumerate(subject.steps):
        action = step.action
        tasks = [*step.effect.of(Cause.TYPE_USED, Cause.PARTITIONED)]
        if isinstance(action, AlterColumnType) and tasks:
            yield found(
                subject,
                NAME,
                f"{action.table}.{action.column}: its type cannot change: {tasks[0].why}",
                f"it ends with SQLSTATE {tasks[0].code}, and nothing of it is done",
                *(each.why for each in tasks[1:]),
                *(["else the whole table would be written anew"] if _rewrites(step) else []),
                about=action.table,
                fix=_fix(subject, action, place),
            )


def _rewrites(step: Step) -> bool:
    return any(step.effect.of(Cause.TYPE_CHANGE))


def _fix(subject: Subject, action: AlterColumnType, place: int) -> Fix | None:
    """A view can be put aside; its text is the team's to fill in. A partition key stays."""
    if any(task.code == "42P16" for task in subject.steps[place].effect.tasks):
        return None
    if _rewrites(subject.steps[place]):
        return safely(subject, change_of(subject, action, place))
    table = subject.table(action.table)
    views: tuple[View, ...] = subject.schema.readers(table.name, action.column) if table else ()
    names = [view.name for view in views if view.name not in subject.schema.tables]
    if not names or len(names) < len(views):
        return None
    written = [_written(subject, name) for name in names]
    lines = (
        *(execute(f"DROP VIEW {name}") for name in written),
        own_code(subject, place),
        *(execute(f"CREATE VIEW {name} AS …") for name in reversed(written)),
    )
    return Fix("python", "\n".join(lines), "put the view aside in the same revision")


def _written(subject: Subject, name: Name) -> str:
    return sql_name(Name("", name.name) if subject.shown(name) == name.name else name)
