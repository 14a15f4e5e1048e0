"""A column is serial, which is no type but a default and a sequence of its own.

Why: rights on the sequence are granted apart from the table, a dump of the table can leave it
behind, and nothing keeps programs from writing values that collide with it. An identity column
is standard SQL and has none of that.

When: serial, bigserial or smallserial is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigserial PRIMARY KEY);
```

Good:
```sql
CREATE TABLE letters (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
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
    """Note serial columns."""
    for each in columns(subject):
        if each.column.serial:
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = (
                f"sa.Column({string(each.column.name)}, sa.BigInteger(), sa.Identity(always=True))"
            )
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: serial, where an identity column does the same by the standard",
                certainty=Certainty.PROVEN,
                evidence=("its sequence has rights and a life of its own",),
                location=subject.location,
                fix=Fix("python", code, "make it an identity column"),
            )
