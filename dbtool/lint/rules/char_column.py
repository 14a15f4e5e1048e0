"""A column is char(n), which is filled up with blanks.

Why: every value is stored with blanks to its full length, comparisons ignore them, LIKE and
programs do not. It is never faster than text.

When: char(n) or character is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, country char(2));
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, country text);
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
    """Note char(n)."""
    for each in columns(subject):
        type_ = each.column.type
        if type_ is not None and type_.name == "bpchar":
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, sa.Text())"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: {type_} fills values up with blanks",
                certainty=Certainty.PROVEN,
                evidence=("comparisons ignore the blanks, LIKE and programs do not",),
                location=subject.location,
                fix=Fix("python", code, "use text"),
            )
