"""A text has a length limit in its type.

Why: PostgreSQL stores varchar(n) like text; the limit saves nothing. A lower limit later reads
the whole table while nobody can use it. A CHECK constraint says the same and can be exchanged
while the table is used.

When: varchar with a length is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, title varchar(80));
```

Good:
```sql
CREATE TABLE letters (
    id bigint PRIMARY KEY,
    title text CONSTRAINT letters_title_short CHECK (length(title) <= 80)
);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.code import string
from dbtool.lint.defined import DEFINING, columns
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = DEFINING


def check(subject: Subject) -> Iterator[Finding]:
    """Note varchar(n)."""
    for each in columns(subject):
        type_ = each.column.type
        if type_ is not None and type_.name == "varchar" and type_.modifiers:
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, sa.Text())"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: {type_}, where text and a check can be changed later",
                certainty=Certainty.PROVEN,
                evidence=("the length is part of the type",),
                location=subject.location,
                fix=Fix("python", code, "limit it with a check where a limit is meant"),
            )
