"""A table that was read by an index is now read as a whole, and that takes more.

Why: the index is gone or invalid, the condition no longer fits it (a cast, a function, another
type), or the statistics say that most rows are wanted.

When: the same table under the same name went from an index to a sequential scan, and the whole
statement touches a tenth more blocks, or, where it was not run, costs a tenth more.
PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders WHERE id = 7;
SELECT * FROM orders WHERE id + 0 = 7;
```

Good:
```sql
SELECT * FROM orders WHERE id = 7;
SELECT * FROM orders WHERE id = 8;
```
"""

from collections.abc import Iterator

from dbtool.explain.baseline import KeptNode
from dbtool.explain.change import Change, factor
from dbtool.explain.wording import count
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

NAME = rule_name(__name__)
LEAST_FACTOR = 1.1
_BY_INDEX = frozenset({"Index Scan", "Index Only Scan", "Bitmap Heap Scan"})


def check(change: Change) -> Iterator[Finding]:
    """Report scans that lost their index."""
    if not _takes_more(change):
        return
    for old, new in change.both:
        if old.kind in _BY_INDEX and new.kind == "Seq Scan":
            yield Finding(
                rule=NAME,
                severity=Severity.ERROR,
                title=f"{new.reads.partition(' ')[0]} was read by an index and is now read whole",
                certainty=Certainty.MEASURED if change.measured else Certainty.HEURISTIC,
                evidence=tuple(_evidence(old, new)),
                location=Location(name=new.title),
            )


def _takes_more(change: Change) -> bool:
    before, now = change.before, change.now
    if change.measured:
        return factor(before.blocks or 0, now.blocks or 0) >= LEAST_FACTOR
    return factor(before.cost, now.cost) >= LEAST_FACTOR


def _evidence(old: KeptNode, new: KeptNode) -> Iterator[str]:
    yield f"it was {old.title}{_conditions(old)}"
    yield f"it is {new.title}{_conditions(new)}"
    if old.blocks is not None and new.blocks is not None:
        yield f"{count(old.blocks)} blocks then, {count(new.blocks)} now"


def _conditions(node: KeptNode) -> str:
    return f" with {'; '.join(node.conditions)}" if node.conditions else ""
