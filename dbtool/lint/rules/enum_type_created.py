"""A set of values becomes an enum type.

Why: a value can be added and renamed, never removed, and its place in the order is for good. A
column of text with a CHECK, or a table of the values with a foreign key, can be changed while the
table is used.

When: CREATE TYPE ... AS ENUM is written. Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TYPE letter_state AS ENUM ('draft', 'sent');
```

Good:
```sql
CREATE TABLE letters (
    id bigint PRIMARY KEY,
    state text NOT NULL CONSTRAINT letters_state_known CHECK (state IN ('draft', 'sent'))
);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateType
from dbtool.lint.code import string
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note new enum types."""
    for action, _ in subject.actions(CreateType):
        if action.kind == "enum":
            values = ", ".join(map(string, action.labels))
            code = f"sa.Enum({values}, native_enum=False, create_constraint=True, name=" + (
                f"{string(action.name.name)})"
            )
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"type {action.name}: its values can never be removed",
                certainty=Certainty.PROVEN,
                evidence=("PostgreSQL has no DROP VALUE",),
                location=subject.location,
                fix=Fix("python", code, "store text, with a check"),
            )
