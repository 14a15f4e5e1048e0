"""A revision cannot be undone: its downgrade fails, if only where there are rows.

Why: a downgrade is run when a deploy has gone wrong, by somebody in a hurry. One that has never
run fails then: a constraint without a name, a type that is still in use, a column that may not
be NULL and comes back to a table with rows.

Found by running it in a throwaway PostgreSQL, behind its upgrade; and again with a few rows in
the tables that the revision changes. A downgrade that raises an error of its own is no failure
but a decision, which downgrade-refused names.

Bad:
```python
def upgrade() -> None:
    op.drop_column("users", "age")


def downgrade() -> None:
    op.add_column("users", sa.Column("age", sa.Integer(), nullable=False))
```

Good:
```python
def downgrade() -> None:
    op.add_column("users", sa.Column("age", sa.Integer(), nullable=True))
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Report a way back that failed."""
    failure, when = trip.failure, ""
    if trip.outcome is not Outcome.DOWNGRADE_FAILS:
        failure = trip.rows.failure if trip.rows is not None else None
        when = " where there are rows"
    if failure is None or failure.way != "downgrade":
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"the downgrade of {trip.revision} fails{when}: {failure.said}",
        certainty=Certainty.MEASURED,
        evidence=failure.evidence,
        location=Location(trip.file, failure.line, trip.revision),
    )
