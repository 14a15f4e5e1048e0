"""A statement that stayed in memory now writes temporary files.

Why: it sorts or hashes more than before, or work_mem is smaller here than where its plan was
kept.

When: no temporary blocks were written when the plan was kept, and now some are. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders WHERE id < 50 ORDER BY note, total;
SELECT * FROM orders ORDER BY note, total;
```

Good:
```sql
SELECT * FROM orders WHERE id < 50 ORDER BY note, total;
SELECT * FROM orders WHERE id < 60 ORDER BY note, total;
```
"""

from collections.abc import Iterator

from dbtool.explain.change import Change
from dbtool.explain.wording import count, memory
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

NAME = rule_name(__name__)
_BLOCK_KB = 8


def check(change: Change) -> Iterator[Finding]:
    """Report temporary files that are new."""
    written = change.now.written or 0
    if not change.measured or change.before.written or not written:
        return
    writes = max(change.now.nodes, key=lambda node: node.written or 0)
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{count(written)} temporary blocks ({memory(written * _BLOCK_KB)}) are written,"
        " there were none",
        certainty=Certainty.MEASURED,
        location=Location(name=writes.title),
    )
