"""A table has no primary key.

Why: nothing keeps the same row from being there twice, a single row cannot be addressed, and
logical replication refuses to update or delete rows of it. An ORM cannot map it.

When: CREATE TABLE has none; partitions and temporary tables are left alone. Style, asked for only
where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (code text);
```

Good:
```sql
CREATE TABLE letters (code text PRIMARY KEY);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateTable
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTable,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note tables whose rows cannot be told apart."""
    for action, _ in subject.actions(CreateTable):
        elsewhere = action.partition_of or action.inherits or action.likes
        spared = action.kind == "foreign table" or action.persistence == "temporary"
        has_key = any(each.kind is Holds.PRIMARY_KEY for each in action.constraints)
        if not (elsewhere or spared or has_key):
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{subject.shown(action.table)}: no primary key",
                certainty=Certainty.PROVEN,
                evidence=("its rows cannot be told apart",),
                location=subject.location,
            )
