"""A relationship is loaded for one object after another: N+1 statements instead of two.

Why: an attribute that was not loaded with its objects is fetched when it is touched, once for
each of them. Each statement is quick and each costs a round trip.

When: the same relationship was loaded three times or more in one call. A loader option fetches
it for all objects at once; on an AsyncSession touching it would fail instead.

Bad:
```python
def run(session):
    for user in session.scalars(select(User)):
        len(user.posts)
```

Good:
```python
def run(session):
    for user in session.scalars(select(User).options(selectinload(User.posts))):
        len(user.posts)
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
    """Report relationships that were loaded again and again."""
    if group.cause != "lazy" or group.count < LEAST_TIMES or not group.path:
        return
    relationship = group.path[-1]
    line = group.line
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if group.count >= MANY_TIMES else Severity.NOTE,
        title=f"{relationship} is loaded {group.count:,} times, once for each object",
        certainty=Certainty.MEASURED,
        evidence=tuple(_evidence(group)),
        location=Location(line.file, line.line, line.function) if line else None,
        fix=Fix(
            "python",
            f".options({_option(group)})",
            f"on the query that loads {group.path[0].partition('.')[0]}",
        ),
    )


def _evidence(group: "Group") -> Iterator[str]:
    yield f"{duration(group.total_ms)} in all, {duration(group.median_ms)} each time"
    again = group.count - group.distinct
    if again > 0:
        yield f"{again:,} of them for values that had been asked for already"


def _option(group: "Group") -> str:
    """The loader options from the queried class down to the relationship."""
    loader = "selectinload" if group.many else "joinedload"
    *above, last = group.path
    return ".".join([*(f"selectinload({each})" for each in above), f"{loader}({last})"])
