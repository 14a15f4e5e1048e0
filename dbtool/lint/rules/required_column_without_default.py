"""A column is added NOT NULL and has no value for the rows that exist.

Why: the server reads the table under an ACCESS EXCLUSIVE lock and fails at the first row. Where
the table has no rows it succeeds, and programs that do not know the column can no longer insert.

When: NOT NULL stands in ADD COLUMN without a default, an identity or an expression, or the type is
a domain that is NOT NULL. A constant default costs nothing. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN channel text NOT NULL;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT 'web';
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import added, addition, fails
from dbtool.lint.code.adding import without_default
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report columns that have to have a value and get none."""
    for each in added(subject, Cause.ADD_NOT_NULL):
        title = "is checked for null in every row while nobody can use the table"
        if fails(each):
            title = "NOT NULL without a default fails as soon as the table has a row"
        yield found(
            subject,
            NAME,
            f"{each.column}: {title}",
            "programs that do not know the column can no longer insert",
            *locked(subject, each.effect),
            *worked(subject, each.tasks),
            about=each.action.table,
            fix=Fix(
                "python",
                without_default(addition(subject, each)),
                "add it nullable, fill it, then prove that it is not null",
            ),
        )
