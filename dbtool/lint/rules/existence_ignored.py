"""IF EXISTS or IF NOT EXISTS hides that the database is not what the migration expects.

Why: a table of that name with other columns counts as created, one that is missing as dropped.
The revision succeeds, and something fails later, far from the cause.

When: it is written, in CREATE, ADD COLUMN or DROP. Style, asked for only where it is selected.
All versions.

Bad:
```sql
CREATE TABLE IF NOT EXISTS letters (id bigint PRIMARY KEY);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY);
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Action
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)


def check(subject: Subject) -> Iterator[Finding]:
    """Note statements that do nothing where the name is, or is not, there."""
    for step in subject.steps:
        for attribute, words in (("if_exists", "IF EXISTS"), ("if_not_exists", "IF NOT EXISTS")):
            if getattr(step.action, attribute, False):
                yield Finding(
                    rule=NAME,
                    severity=Severity.NOTE,
                    title=f"{words}: it succeeds whatever the database has under that name",
                    certainty=Certainty.PROVEN,
                    evidence=("a migration knows what is there before it",),
                    location=subject.location,
                )
                return
