"""An index that a failed build left behind.

What it means: CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY was cancelled or failed, or DROP
INDEX CONCURRENTLY was. No query uses the index, and unless it ended early, every write keeps it
up to date; a unique one may even refuse rows.

Reads: pg_index, pg_stat_progress_create_index and pg_locks: one that is being built, rebuilt or
dropped right now is invalid too and is not meant. Which one another role builds on a table takes
pg_monitor; without it that is unknown.

Thresholds: any.

Now: build it again with the statement given, or drop it where that had begun; both let others go
on.

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

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import Index

NAME = rule_name(__name__)
READS = ("indexes",)
MANY = "{} indexes are invalid"
_LEFTOVER = ("_ccnew", "_ccold")


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Report each that nobody is building."""
    for index in examined.indexes or ():
        if index.valid or index.building or index.partitioned:
            continue
        if index.building is None:
            yield Unknown(
                rule=NAME,
                reason=f"another role builds an index on {index.table}, and"
                f" role {examined.rights.role} may not see whether it is {index.name}",
                decide=examined.rights.grant,
            )
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"index {index.name} on {index.table} is invalid: {_use(index)}",
            certainty=Certainty.MEASURED,
            location=Location(name=index.name),
            fix=Fix("sql", f"{_mend(index)};"),
        )


def _use(index: Index) -> str:
    return "written to, never read" if index.ready else "neither written to nor read"


def _mend(index: Index) -> str:
    """What REINDEX left under a name of its own has a valid index beside it; a drop is ended."""
    if not index.live or index.name.rstrip('0123456789"').endswith(_LEFTOVER):
        return f"DROP INDEX CONCURRENTLY {index.name}"
    return f"REINDEX INDEX CONCURRENTLY {index.name}"
