"""A column is json, which can be neither compared nor indexed.

Why: json keeps the text as it came and has no equality. SELECT DISTINCT, GROUP BY and UNION over
a row with such a column fail, and no GIN index can search it. jsonb does all of that.

When: ADD COLUMN or CREATE TABLE has a column of type json. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN payload json;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN payload jsonb;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import AddColumn, CreateTable
from dbtool.lint.schema import Column, Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn, CreateTable)


def check(subject: Subject) -> Iterator[Finding]:
    """Report new columns of type json."""
    for added, _ in subject.actions(AddColumn):
        yield from _judge(subject, added.table, (added.column,))
    for created, _ in subject.actions(CreateTable):
        yield from _judge(subject, created.table, created.columns)


def _judge(subject: Subject, table: Name, columns: tuple[Column, ...]) -> Iterator[Finding]:
    for column in columns:
        if column.type is not None and column.type.name == "json" and not column.type.schema:
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{table}.{column.name}: json has no equality and no index",
                certainty=Certainty.PROVEN,
                evidence=("DISTINCT, GROUP BY and UNION over the column fail",),
                location=subject.location,
                fix=Fix("python", f'sa.Column("{column.name}", postgresql.JSONB())', "use jsonb"),
            )
