"""A downgrade refuses, because its author says that there is no way back.

What it means: nothing is wrong. It raises an error of its own, or NotImplementedError, which is
the honest form of an irreversible revision; a deploy that contains it can only go forward. The
round trip tells it from a downgrade that fails, and does not try it further.

Bad:
```python
def downgrade() -> None:
    pass  # the rows are gone, and this says that they are back
```

Good:
```python
def downgrade() -> None:
    raise NotImplementedError("the deleted rows are only in the backup")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Name a revision that nobody can undo."""
    if trip.outcome is not Outcome.IRREVERSIBLE:
        return
    said = trip.failure.said if trip.failure is not None else ""
    yield Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{trip.revision} is irreversible: {said or 'its author says so'}",
        certainty=Certainty.MEASURED,
        location=trip.location,
    )
