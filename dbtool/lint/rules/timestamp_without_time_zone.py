"""A point in time is stored without its time zone.

Why: timestamp is what a clock on the wall shows: which moment it was depends on where it is read,
and an hour of every autumn is ambiguous. timestamptz is the moment itself and takes the same
space.

When: timestamp without time zone is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, sent_at timestamp);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, sent_at timestamptz);
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
    """Note timestamps without time zone."""
    for each in columns(subject):
        type_ = each.column.type
        if type_ is not None and type_.name == "timestamp":
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, sa.DateTime(timezone=True))"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: timestamp without time zone",
                certainty=Certainty.PROVEN,
                evidence=("which moment it is depends on the session that reads it",),
                location=subject.location,
                fix=Fix("python", code, "store the moment"),
            )
