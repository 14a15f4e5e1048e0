"""Columns of objects are fetched again, one object after the other.

Why: after a commit every object has expired, and touching one of its columns fetches it again;
a deferred column is fetched when it is touched. Each costs a round trip.

When: the same columns were fetched three times or more in one call.

Bad:
```python
def run(session):
    users = session.scalars(select(User)).all()
    session.commit()
    for user in users:
        print(user.name)
```

Good:
```python
def run(session):
    users = session.scalars(select(User)).all()
    names = [user.name for user in users]
    session.commit()
    print(names)
```
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbtool.explain.wording import duration
from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name

if TYPE_CHECKING:
    from dbtool.explain.trace.groups import Group

NAME = rule_name(__name__)
LEAST_TIMES = 3
MANY_TIMES = 10


def check(group: "Group") -> Iterator[Finding]:
    """Report columns that were fetched again and again."""
    if group.cause != "columns" or group.count < LEAST_TIMES:
        return
    line = group.line
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if group.count >= MANY_TIMES else Severity.NOTE,
        title=f"columns of {group.count:,} objects are fetched one object after the other",
        certainty=Certainty.MEASURED,
        evidence=(f"{duration(group.total_ms)} in all; they had expired, or are deferred",),
        location=Location(line.file, line.line, line.function) if line else None,
        fix=Fix(
            "python",
            "sessionmaker(expire_on_commit=False)  # or .options(undefer(...)) on the query",
            "objects stay as they were read after a commit",
        ),
    )
