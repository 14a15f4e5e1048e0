"""A value is taken out of an enum type, though rows may have it.

Why: PostgreSQL has no DROP VALUE. The way around, a second type without the value and a change of
each column to it, fails with error 22P02 where a row still has the value, and breaks running
programs that still write it.

When: the history has the values of both types. To leave the value in the type and no longer use
it costs nothing. All versions.

Bad:
```sql
ALTER TYPE order_state RENAME TO order_state_old;
CREATE TYPE order_state AS ENUM ('open', 'paid');
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN state TYPE order_state USING state::text::order_state;
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_not_sent CHECK (state <> 'sent') NOT VALID;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.code import execute, sql_name, sql_string
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report columns that go to an enum type with fewer values."""
    for action, effect in subject.actions(AlterColumnType):
        gone = _gone(subject, action) if effect.locks else []
        if not gone:
            continue
        values = ", ".join(map(sql_string, gone))
        column = sql_name(action.column)
        check = f"CHECK ({column} NOT IN ({values})) NOT VALID"
        name = f"{action.table.name}_{action.column}_known"
        sql = f"ALTER TABLE {sql_name(action.table)} ADD CONSTRAINT {sql_name(name)} {check}"
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{subject.shown(action.table)}.{action.column}:"
            f" it fails where a row has {values}",
            certainty=Certainty.PROVEN,
            evidence=(f"the new type {action.type} has no such value (SQLSTATE 22P02)",),
            location=subject.location,
            fix=Fix("python", execute(sql), "leave the value in the type and let no row take it"),
        )


def _gone(subject: Subject, action: AlterColumnType) -> list[str]:
    table = subject.table(action.table)
    column = table.columns.get(action.column) if table else None
    if column is None or column.type is None:
        return []
    old, new = subject.schema.type(column.type.named), subject.schema.type(action.type.named)
    if old is None or new is None or {old.kind, new.kind} != {"enum"}:
        return []
    return [label for label in old.labels if label not in new.labels]
