"""A sort did not fit into work_mem and went to disk.

Why: rows are written to temporary files and read back, which is slower than sorting in memory
and takes disk bandwidth from everybody. A sort in memory needs two to three times what the same
rows take on disk.

When: the server says the sort used disk, and it takes 5 % of the time or more. Raise work_mem
where the statement runs, not for everyone: each sort and hash of each connection may use that
much. An index in the sort's order makes it unnecessary. PostgreSQL 14+.

Bad:
```sql
SET work_mem = '256kB';
SELECT * FROM orders ORDER BY total;
```

Good:
```sql
SET work_mem = '64MB';
SELECT * FROM orders ORDER BY total;
```
"""

from collections.abc import Iterator, Mapping

from dbtool.explain.analysis import Analysis
from dbtool.explain.memory import allowance, caution
from dbtool.explain.plan import Node, Value
from dbtool.explain.wording import duration, memory, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
_SORTS = ("Sort", "Incremental Sort")
IN_MEMORY = 3
"""Memory a sort needs, as a multiple of what its rows take on disk."""


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report sorts that used disk."""
    for node in analysis.ran:
        on_disk = kilobytes_on_disk(node) if node.kind in _SORTS else 0
        if on_disk and analysis.matters(node):
            yield _finding(analysis, node, on_disk)


def kilobytes_on_disk(node: Node) -> float:
    """The largest spill of one process; each has its own work_mem."""
    parts = [node.props, *(worker.props for worker in node.workers)]
    sizes = [_number(part, "Sort Space Used") for part in parts if _spilled(part)]
    for groups in ("Full-sort Groups", "Pre-sorted Groups"):
        for part in parts:
            group = part.get(groups)
            disk = group.get("Sort Space Disk") if isinstance(group, Mapping) else None
            if isinstance(disk, Mapping):
                sizes.append(_number(disk, "Peak Sort Space Used"))
    return max(sizes, default=0)


def _spilled(part: Mapping[str, Value]) -> bool:
    return part.get("Sort Space Type") == "Disk"


def _number(part: Mapping[str, Value], key: str) -> float:
    value = part.get(key)
    return value if isinstance(value, int | float) else 0


def _finding(analysis: Analysis, node: Node, on_disk: float) -> Finding:
    share = duration(analysis.times.of(node).wall_ms)
    allowed = analysis.facts.work_mem
    keys = ", ".join(node.texts("Sort Key"))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"a sort wrote {memory(on_disk)} to disk"
        + (f": work_mem is {memory(allowed)}" if allowed else ""),
        certainty=Certainty.MEASURED,
        evidence=(
            f"the sort took {share}, {percent(analysis.part(node))} of the time; it is by {keys}",
            f"in memory it would take about {memory(on_disk * IN_MEMORY)}",
            caution(analysis),
        ),
        location=where(node),
        fix=allowance(on_disk * IN_MEMORY),
    )
