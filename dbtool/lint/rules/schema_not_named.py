"""A table is created without its schema being named.

Why: it lands in the first schema of the search_path that exists, which a role, a database or a
pooler may set otherwise: the same revision makes the table in another place.

When: a table is created without a schema before its name. Style, asked for only where it is
selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY);
```

Good:
```sql
CREATE TABLE public.letters (id bigint PRIMARY KEY);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateTable
from dbtool.lint.code import string
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note tables whose place the search_path decides."""
    for action, _ in subject.actions(CreateTable):
        if not action.table.schema and action.persistence != "temporary":
            name = action.table.name
            place = subject.schema.full(action.table).schema
            code = f"op.create_table({string(name)}, ..., schema={string(place)})"
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name}: the search_path decides which schema it is created in",
                certainty=Certainty.PROVEN,
                evidence=(f"it is {place} as far as the migrations say",),
                location=subject.location,
                fix=Fix("python", code, "name the schema"),
            )
