"""A column is dropped and one of the same name is added: its values are gone.

Why: the new column is empty, or has its default, in every row. It is what a change of a type
looks like when it is written as a drop and an add; nothing copies the values.

When: both are in one migration, and the table existed before. All versions.

Bad:
```sql
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders ADD COLUMN note varchar(200);
```

Good:
```sql
ALTER TABLE orders ADD COLUMN short_note varchar(200);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import AddColumn, DropColumn
from dbtool.lint.code import execute, sql_name
from dbtool.lint.saying import Seen, actions_of, in_use, place, shown
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)


def check(whole: Whole) -> Iterator[Finding]:
    """Report columns that are dropped and added again."""
    dropped = {
        (seen.action.table, seen.action.column): seen
        for seen in actions_of(whole, DropColumn)
        if in_use(seen.effect, seen.action.table)
    }
    for seen in actions_of(whole, AddColumn):
        before = dropped.pop((seen.action.table, seen.action.column.name), None)
        if before is not None and _line(before) <= _line(seen):
            yield _finding(whole, seen)


def _line(seen: Seen[DropColumn] | Seen[AddColumn]) -> int:
    return seen.statement.line


def _finding(whole: Whole, seen: Seen[AddColumn]) -> Finding:
    table, column = seen.action.table, seen.action.column
    of = sql_name(table)
    changed = (
        f"ALTER TABLE {of} ALTER COLUMN {sql_name(column.name)} TYPE {column.type}"
        f" USING {sql_name(column.name)}::{column.type}"
    )
    return Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{shown(whole.schema, table)}.{column.name}: its values are lost,"
        " the new column of that name starts empty",
        certainty=Certainty.PROVEN,
        evidence=("it is dropped and added again in one migration, and nothing copies it",),
        location=place(seen.statement),
        fix=Fix("python", execute(changed), "change its type, which keeps the values"),
    )
