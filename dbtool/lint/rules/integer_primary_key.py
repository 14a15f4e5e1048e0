"""A primary key is an integer, which ends at 2 147 483 647.

Why: when the sequence gets there every insert fails. The change to bigint writes the table and
each table that refers to it anew, while nobody can use them.

When: the whole primary key is one integer or smallint column.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id integer PRIMARY KEY);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY);
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
    """Note primary keys that run out of numbers."""
    for each in columns(subject):
        type_ = each.column.type
        if each.key and type_ is not None and type_.name in ("int2", "int4"):
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, sa.BigInteger(), primary_key=True)"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: {type_} as primary key, which runs out of numbers",
                certainty=Certainty.PROVEN,
                evidence=("a later change to bigint writes the table anew",),
                location=subject.location,
                fix=Fix("python", code, "use eight bytes from the start"),
            )
