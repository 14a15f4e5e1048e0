"""A downgrade restores the schema, and not the rows or values that were there.

Why: a column that was dropped comes back empty. Whoever runs the downgrade to rescue a deploy
believes that everything is as before. Where the values matter, keep them (in another column or
table until the next release), or refuse to go back.

Found by running both ways once more in a throwaway PostgreSQL, with a few made-up rows in the
tables that the revision changes.

Bad:
```python
def upgrade() -> None:
    op.drop_column("users", "age")


def downgrade() -> None:
    op.add_column("users", sa.Column("age", sa.Integer()))
```

Good:
```python
def upgrade() -> None:
    op.alter_column("users", "age", new_column_name="age_unused")


def downgrade() -> None:
    op.alter_column("users", "age_unused", new_column_name="age")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.migrate.trip import Trip
from dbtool.report import listed

NAME = rule_name(__name__)


def check(trip: Trip) -> Iterator[Finding]:
    """Name what is lost between upgrade and downgrade."""
    if trip.rows is None or not trip.rows.lost:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"there and back, {trip.revision} loses {listed(trip.rows.lost, 5)}",
        certainty=Certainty.MEASURED,
        location=Location(trip.file, None, trip.revision),
    )
