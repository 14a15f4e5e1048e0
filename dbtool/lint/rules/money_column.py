"""A column is of the type money.

Why: its currency and its digits behind the point come from lc_monetary of whoever looks: the same
value is another amount on another server.

When: money is written.
Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, postage money);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, postage numeric(12, 2));
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
    """Note columns of the type money."""
    for each in columns(subject):
        type_ = each.column.type
        if type_ is not None and type_.name == "money":
            name = f"{subject.shown(each.table)}.{each.column.name}"
            code = f"sa.Column({string(each.column.name)}, sa.Numeric(12, 2))"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: money, whose amount depends on the locale",
                certainty=Certainty.PROVEN,
                evidence=("the currency is not stored",),
                location=subject.location,
                fix=Fix("python", code, "use numeric"),
            )
