"""A column is json, which cannot be compared.

Why: json is a text that is read anew for each access. It has no equality: DISTINCT, GROUP BY and
UNION over a row with it fail with error 42883, also those an ORM writes. jsonb has, and can be
indexed.

When: json is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, data json);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, data jsonb);
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
    """Note columns of the type json."""
    for each in columns(subject):
        type_ = each.column.type
        if type_ is not None and type_.name == "json":
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, postgresql.JSONB())"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: json has no equality: SELECT DISTINCT over it fails",
                certainty=Certainty.PROVEN,
                evidence=("DISTINCT, GROUP BY and UNION end with SQLSTATE 42883",),
                location=subject.location,
                fix=Fix("python", code, "use jsonb"),
            )
