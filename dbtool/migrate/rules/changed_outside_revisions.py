"""A table is not what the revisions made of it: somebody changed it without one.

Why: the pending revisions were written, and tried, for the schema that the ones before them make.
On a database that was changed by hand they fail half-way, or leave something that no other
database has. What was changed in a hurry belongs into a revision, or has to be taken back, before
the next upgrade.

Found by running the revisions that the database records in a throwaway PostgreSQL, and comparing
what the two servers print of each table, of its columns, constraints, indexes and triggers, and of
views, types, sequences and functions that revisions made. Objects that only the database has are
not counted: they may belong to somebody else. An index, constraint or column of a table that is
too many is a warning. Between servers of two versions it is a guess, as they may print one thing
in two ways.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;   -- at 3 a.m., and forgotten
```

Good:
```python
def upgrade():
    op.alter_column("orders", "note", nullable=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.migrate.behind import Behind
from dbtool.migrate.diff.catalogs import Change, How

NAME = rule_name(__name__)


def check(found: Behind) -> Iterator[Finding]:
    """Report each object that differs."""
    recorded = ", ".join(found.recorded) or "an empty history"
    for each in found.changes:
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if each.how is How.ADDED else Severity.ERROR,
            title=said(each),
            certainty=Certainty.MEASURED if found.same_version else Certainty.HEURISTIC,
            evidence=(f"{found.database} records {recorded}",),
            location=Location(name=each.name),
        )


def said(change: Change) -> str:
    """What became of an object since the revisions made it."""
    what = f"{change.kind} {change.name}"
    if change.how is How.GONE:
        return f"{what} is not in the database, and the history makes it"
    if change.how is How.ADDED:
        return f"{what} is in the database, and no revision makes it"
    return f"{what} is {change.after} in the database, {change.before} by the history"
