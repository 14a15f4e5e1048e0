"""A table without a primary key.

What it means: no row can be named for certain. An ORM cannot map it, logical replication cannot
tell which row to change, and a row that was loaded twice cannot be removed once.

Reads: pg_index; any role may.

Thresholds: any table that is not a partition's parent without one of its own.

Now: nothing is urgent.

For good: a bigint identity column, or the columns that identify a row already.

Bad:
```sql
CREATE TABLE imports (line text);
```

Good:
```sql
CREATE TABLE imports (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, line text);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("tables",)
MANY = "{} tables have no primary key"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each table."""
    for table in examined.tables or ():
        if not table.keyed and table.name.rpartition(".")[2] != "alembic_version":
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{table.name} has no primary key",
                certainty=Certainty.MEASURED,
                location=Location(name=table.name),
            )
