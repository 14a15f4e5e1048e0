"""A downgrade leaves a type, sequence, function or the like behind.

Why: SQLAlchemy creates an enumeration together with the table that uses it, and no operation
that drops the table drops the type. Most often the next upgrade then fails, because the type is
there already; where it does not, because it asks first, the leftover stays for good and may
have other labels than the models by then.

Found by running both ways in a throwaway PostgreSQL. It is an error where the second upgrade
fails on it. An extension or a schema may be left on purpose; then allow it in the settings of
whoever reads this, or create it where it is not part of a revision.

Bad:
```python
def upgrade() -> None:
    mood = sa.Enum("sad", "happy", name="mood")
    op.create_table("notes", sa.Column("mood", mood))


def downgrade() -> None:
    op.drop_table("notes")
```

Good:
```python
def downgrade() -> None:
    op.drop_table("notes")
    op.execute("DROP TYPE mood")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.migrate.diff.catalogs import Change
from dbtool.migrate.trip import Outcome, Trip
from dbtool.report import listed

NAME = rule_name(__name__)


_DROPS = {"enum": "TYPE", "sequence": "SEQUENCE", "domain": "DOMAIN", "function": "FUNCTION"}


def check(trip: Trip) -> Iterator[Finding]:
    """Name what is left, and how it would go."""
    if trip.outcome not in (Outcome.LEAKS, Outcome.FAILS_AGAIN) or not trip.leaked:
        return
    fails = trip.outcome is Outcome.FAILS_AGAIN
    left = [f"op.execute({_drop(each)!r})" for each in trip.leaked if each.kind in _DROPS]
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR if fails else Severity.WARNING,
        title=f"the downgrade of {trip.revision} leaves {_named(trip)} behind",
        certainty=Certainty.MEASURED,
        evidence=(f"the next upgrade fails: {trip.failure.said}",) if trip.failure else (),
        location=Location(trip.file, None, trip.revision),
        fix=Fix("python", "\n".join(left), "at the end of downgrade()") if left else None,
    )


def _drop(change: Change) -> str:
    return f"DROP {_DROPS[change.kind]} {change.name}"


def _named(trip: Trip) -> str:
    return listed([f"{each.kind} {each.name}" for each in trip.leaked], 5)
