"""A downgrade succeeds, and everything that the upgrade did is still there.

Why: the revision is recorded as undone. The code of the release before meets the newer schema,
which may be fine, and the next upgrade fails on what exists already, which is not. Where there
is no way back, raise an error: whoever runs it at night then knows.

Found by running both ways in a throwaway PostgreSQL.

Bad:
```python
def upgrade() -> None:
    op.add_column("orders", sa.Column("remark", sa.Text()))


def downgrade() -> None:
    pass
```

Good:
```python
def downgrade() -> None:
    raise NotImplementedError("remarks are kept; restore a backup")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip, summary

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Report an empty way back of an upgrade that has changed something."""
    if trip.outcome is not Outcome.EMPTY:
        return
    evidence = [f"left: {summary(trip.undone)}"]
    evidence += [f"the next upgrade fails: {trip.failure.said}"] if trip.failure else []
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"the downgrade of {trip.revision} does nothing, and says that it has undone it",
        certainty=Certainty.MEASURED,
        evidence=tuple(evidence),
        location=Location(trip.file, None, trip.revision),
        fix=Fix("python", "raise NotImplementedError", "in downgrade(), or undo it"),
    )
