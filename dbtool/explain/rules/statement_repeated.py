"""One line of the application sends the same statement again and again.

Why: a query in a loop costs a round trip each time. One statement for all values costs one.

When: the same statement was sent ten times or more in one call, most of them from one line, and
no relationship had it sent. A bulk insert counts once.

Bad:
```python
def run(session):
    for number in range(20):
        session.scalars(select(User).where(User.id == number)).first()
```

Good:
```python
def run(session):
    session.scalars(select(User).where(User.id.in_(range(20)))).all()
```
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbtool.explain.wording import duration
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

if TYPE_CHECKING:
    from dbtool.explain.trace.groups import Group

NAME = rule_name(__name__)
LEAST_TIMES = 10
_MOST = 0.5
_WIDTH = 60


def check(group: "Group") -> Iterator[Finding]:
    """Report statements in a loop."""
    if group.cause != "asked" or group.count < LEAST_TIMES or not group.sources:
        return
    line, times = group.sources[0]
    if times < _MOST * group.count:
        return
    again = group.count - group.distinct
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{_shown(group.text)} is sent {group.count:,} times",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{duration(group.total_ms)} in all, {duration(group.median_ms)} each time",
            *([f"{again:,} of them with values that had been sent already"] if again else []),
            "one statement can take all values: .where(column.in_(values)), or execute() with a"
            " list of rows",
        ),
        location=Location(line.file, line.line, line.function),
    )


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _WIDTH else words[: _WIDTH - 1] + "…"
