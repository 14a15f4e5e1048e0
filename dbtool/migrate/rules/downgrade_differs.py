"""A downgrade does not lead back to the schema that was there before the upgrade.

Why: what is recorded after it is the revision before, and what is there is something else: the
code of that revision meets a column of another type, or misses an index. The next upgrade
begins from a state that nobody has ever tried.

Found by comparing, as the server prints them, the schema before the upgrade and the schema after
the downgrade, in a throwaway PostgreSQL. The order of columns does not count.

Bad:
```python
def upgrade() -> None:
    op.drop_index("ix_users_email")
    op.add_column("users", sa.Column("login", sa.Text()))


def downgrade() -> None:
    op.drop_column("users", "login")
```

Good:
```python
def downgrade() -> None:
    op.drop_column("users", "login")
    op.create_index("ix_users_email", "users", ["email"])
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip, described, summary

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Report what is lost, changed, or too much after the way back."""
    if trip.outcome is not Outcome.DIFFERS:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"the downgrade of {trip.revision} does not lead back: {summary(trip.undone)}",
        certainty=Certainty.MEASURED,
        evidence=tuple(described(trip.undone)),
        location=trip.location,
    )
