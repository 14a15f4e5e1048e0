"""A statement writes temporary files at a rate that disks feel.

What it means: a sort, a hash or a materialized result does not fit into work_mem and goes to
disk, at every call. Others wait for the same disk, and temp_file_limit or a full disk ends it.

Reads: pg_stat_statements at the beginning and at the end of a window. Without pg_monitor other
roles' statements are hidden and the check says so.

Thresholds: from 1 MB of temporary blocks a second on, a warning from 50 MB on.

Now: `dbtool explain --queryid=ID` names the node. For one report, `SET LOCAL work_mem` in its
transaction; never for the whole server at once, for every session may take it several times.

For good: an index that delivers the order, fewer columns and rows before the sort, or a
work_mem of its own for the role that runs reports.

Bad:
```sql
ALTER SYSTEM SET work_mem = '1GB';
```

Good:
```sql
ALTER ROLE reports SET work_mem = '256MB';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.health.statements import explanation
from dbtool.health.top import Top
from dbtool.report import duration

NAME = rule_name(__name__)
MEGABYTE = 1 << 20
NOTED = 1
WARNED = 50


def check(top: Top) -> Iterator[Finding]:
    """Report each statement shown that spills."""
    if top.window is None:
        return
    for each in top.window.top:
        written = each.cost.temp_blocks * top.access.block_size
        rate = written / top.window.seconds / MEGABYTE
        if rate < NOTED:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if rate >= WARNED else Severity.NOTE,
            title=f"one statement writes {rate:,.0f} MB of temporary files a second",
            certainty=Certainty.MEASURED,
            evidence=(
                each.query,
                f"{each.cost.calls:,} calls within {duration(top.window.seconds)},"
                f" {written / max(each.cost.calls, 1) / MEGABYTE:,.0f} MB each, role {each.role}",
            ),
            fix=explanation(each, top.access.database),
        )
