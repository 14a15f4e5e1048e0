"""An index that a failed build left behind.

What it means: CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY was cancelled or failed. The
index is kept up to date by every write and used by no query; a unique one may even refuse rows.

Reads: pg_index, and pg_stat_progress_create_index: one that is being built right now is invalid
too and is not meant. Any role may.

Thresholds: any.

Now: build it again with the statement given, which lets others go on.

For good: `dbtool upgrade` finds the ones its own runs left, and builds them again.

Bad:
```sql
CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);  -- interrupted, and forgotten
```

Good:
```sql
REINDEX INDEX CONCURRENTLY orders_note_idx;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("indexes",)
MANY = "{} indexes are invalid"
_LEFTOVER = ("_ccnew", "_ccold")


def check(examined: Examined) -> Iterator[Finding]:
    """Report each that nobody is building."""
    for index in examined.indexes or ():
        if index.valid or index.building or index.partitioned:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"index {index.name} on {index.table} is invalid: written to, never read",
            certainty=Certainty.MEASURED,
            location=Location(name=index.name),
            fix=Fix("sql", f"{_mend(index.name)};"),
        )


def _mend(name: str) -> str:
    """What REINDEX left under a name of its own has a valid index beside it."""
    if name.rstrip('0123456789"').endswith(_LEFTOVER):
        return f"DROP INDEX CONCURRENTLY {name}"
    return f"REINDEX INDEX CONCURRENTLY {name}"
