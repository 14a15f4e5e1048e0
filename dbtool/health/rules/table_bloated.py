"""Much of a table is space that no row uses.

What it means: scans read it, memory and backups hold it. Deletes and updates left it; vacuum
makes it free for new rows of the same table, and gives back to the system only what is at the
end.

Reads: pg_class and the column statistics, which takes SELECT on the tables; pg_monitor is not
enough and the check says so.

Thresholds: an estimate from widths and row counts: a warning from 1 GB and 30 % on, an error
from 10 GB and 60 %. TOAST is not counted, nor are tables below a megabyte.

Now: nothing is urgent, unless the disk is full.

For good: find out why the rows died faster than vacuum could reuse them; pg_repack or
pg_squeeze rewrite the table while others go on, VACUUM FULL locks everybody out.

Bad:
```sql
DELETE FROM events;  -- of a billion rows, at once
```

Good:
```sql
DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 10000);  -- again and again
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.wording import size
from dbtool.report import counted, percent

NAME = rule_name(__name__)
READS = ("bloat",)
GIGABYTE = 1 << 30
WARNING, ERROR = (0.3, GIGABYTE), (0.6, 10 * GIGABYTE)
MANY = "{} tables are mostly unused space"


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Judge each estimate by share and size together."""
    if examined.bloat is None:
        return
    for table in examined.bloat.tables:
        share = table.wasted / table.bytes
        if share < WARNING[0] or table.wasted < WARNING[1]:
            continue
        error = share >= ERROR[0] and table.wasted >= ERROR[1]
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if error else Severity.WARNING,
            title=f"about {percent(share)} of {table.table} is unused:"
            f" {size(table.wasted)} of {size(table.bytes)}",
            certainty=Certainty.HEURISTIC,
            location=Location(name=table.table),
        )
    if examined.bloat.unseen:
        yield Unknown(
            rule=NAME,
            reason=f"no statistics can be seen of {counted(examined.bloat.unseen, 'table')}",
            decide=f"ANALYZE; GRANT pg_read_all_data TO {examined.rights.grant.rpartition(' ')[2]}",
        )
