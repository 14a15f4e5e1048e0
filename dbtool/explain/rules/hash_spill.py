"""A hash table did not fit into memory and was split into batches on disk.

Why: both sides of a hash join, or the groups of an aggregate, are written to temporary files
and read back batch by batch.

When: a hash join ran in more than one batch, or a hash aggregate used disk, and the node takes
5 % of the time or more. Hash tables may use work_mem times hash_mem_multiplier; where the number
of batches grew while the query ran, a wrong row estimate is the cause. PostgreSQL 14+.

Bad:
```sql
SET work_mem = '256kB';
SET enable_mergejoin = off;
SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name <> o.courier;
```

Good:
```sql
SET work_mem = '64MB';
SET enable_mergejoin = off;
SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name <> o.courier;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.memory import allowance, caution
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, memory, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.05


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report hash joins and aggregates that used disk."""
    for node in analysis.ran:
        if node.kind not in ("Hash", "Aggregate"):
            continue
        batches = node.number("Hash Batches") or node.number("HashAgg Batches")
        if batches > 1 and (share := _share(analysis, node)) >= LEAST_SHARE:
            yield _finding(analysis, node, batches, share)


def _share(analysis: Analysis, node: Node) -> float:
    """A hash join's part in the time is that of the table and of the join that uses it."""
    join = analysis.plan.parent(node) if node.kind == "Hash" else None
    return analysis.part(node) + (analysis.part(join) if join else 0.0)


def _finding(analysis: Analysis, node: Node, batches: float, share: float) -> Finding:
    multiplier = max(analysis.facts.hash_mem_multiplier, 1.0)
    whole = node.number("Peak Memory Usage") * batches
    whole = max(whole, node.number("Disk Usage"))
    what = "hash join" if node.kind == "Hash" else "hash aggregate"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"a {what} ran in {count(batches)} batches on disk",
        certainty=Certainty.MEASURED,
        evidence=(
            f"it takes {percent(share)} of the time; the whole table needs about {memory(whole)}",
            *_growth(node, batches),
            caution(analysis),
        ),
        location=where(node),
        fix=allowance(whole / multiplier),
    )


def _growth(node: Node, batches: float) -> tuple[str, ...]:
    planned = node.number("Original Hash Batches")
    if not planned or batches <= planned:
        return ()
    return (f"{count(planned)} planned: more rows came than were estimated",)
