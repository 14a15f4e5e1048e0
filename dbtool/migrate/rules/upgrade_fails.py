"""A revision cannot be applied to what the revisions before it make.

Why: it fails in every database that is built from the history: the next colleague's, the one of
the tests, the one of a new customer. It may have worked where it was written, in a database
that held something else.

Found by running the history in a throwaway PostgreSQL. What comes behind it is not tried.

Bad:
```python
def upgrade() -> None:
    op.drop_constraint("users_email_key1", "users")  # so called on one laptop
```

Good:
```python
def upgrade() -> None:
    op.drop_constraint("uq_users_email", "users")  # so called by the revision that made it
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Report the upgrade that failed."""
    if trip.outcome is not Outcome.UPGRADE_FAILS or trip.failure is None:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{trip.revision} cannot be applied: {trip.failure.said}",
        certainty=Certainty.MEASURED,
        evidence=trip.failure.evidence,
        location=trip.location,
    )
