"""An upgrade fails, or does something else, when it runs again behind its downgrade.

Why: a deploy that was taken back is tried again, once the cause is found. Then the upgrade has
to do the same a second time. It does not where the downgrade leaves something behind that is in
the way, or where the upgrade asks what exists and finds it changed.

Found by running up, down and up in a throwaway PostgreSQL, and comparing the schema after both
upgrades.

Bad:
```python
def upgrade() -> None:
    op.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    op.add_column("notes", sa.Column("mood", postgresql.ENUM(name="mood")))


def downgrade() -> None:
    op.drop_column("notes", "mood")
```

Good:
```python
def downgrade() -> None:
    op.drop_column("notes", "mood")
    op.execute("DROP TYPE mood")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.trip import Outcome, Trip, described

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Report a second upgrade that is not like the first, unless a leftover is to blame."""
    failure = trip.failure
    if trip.outcome is Outcome.FAILS_AGAIN and failure is not None and not trip.leaked:
        title = f"{trip.revision} cannot be applied again behind its downgrade: {failure.said}"
        evidence = (*failure.evidence, *described(trip.undone))
    elif trip.outcome is Outcome.OTHER_THAN_BEFORE:
        title = f"{trip.revision} does something else when it is applied again"
        evidence = tuple(described(trip.again))
    else:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=title,
        certainty=Certainty.MEASURED,
        evidence=evidence,
        location=trip.location,
    )
