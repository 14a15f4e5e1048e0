"""A cache in front of a join's inner side is looked up in vain.

Why: Memoize pays where the same key comes again. With few repeats it costs a hash table for
nothing; where entries are evicted, work_mem is too small to hold the keys.

When: of 1,000 look-ups or more less than half were hits, or entries were evicted, and the join
below and with it takes 5 % of the time or more. The planner chose it by the number of different
keys it expects: statistics mend that. PostgreSQL 14+.

Bad:
```sql
SET enable_hashjoin = off;
SET enable_mergejoin = off;
ALTER TABLE orders ALTER customer_id SET (n_distinct = 5);
ANALYZE orders;
SELECT count(c.name) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id < 9000;
```

Good:
```sql
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(c.name) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id < 9000;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import WORTH_TELLING, Analysis
from dbtool.explain.memory import allowance
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_LOOKUPS = 1_000
LEAST_HITS = 0.5
_GROWTH = 4


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report caches with few hits."""
    for node in analysis.of_kind("Memoize"):
        hits, misses = _sum(node, "Cache Hits"), _sum(node, "Cache Misses")
        evicted = _sum(node, "Cache Evictions") + _sum(node, "Cache Overflows")
        poor = hits < LEAST_HITS * (hits + misses)
        if hits + misses >= LEAST_LOOKUPS and poor and analysis.part_below(node) >= WORTH_TELLING:
            yield _finding(node, hits / (hits + misses), evicted)


def _sum(node: Node, key: str) -> float:
    """A counter of the leader and of the workers, each of which has its own cache."""
    found = [node.number(key)]
    found += [float(str(each.props.get(key, 0))) for each in node.workers]
    return sum(found)


def _finding(node: Node, hits: float, evicted: float) -> Finding:
    said = (
        f"{count(evicted)} entries were evicted: the keys do not fit into work_mem"
        if evicted
        else "more different keys came than the planner expects: ANALYZE the outer table, or"
        " raise its column's statistics target"
    )
    peak = node.number("Peak Memory Usage")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING if evicted else Severity.NOTE,
        title=f"a cache of the join's inner side was hit {percent(hits)} of the time",
        certainty=Certainty.MEASURED,
        evidence=(f"its key is {node.text('Cache Key')}", said),
        location=where(node),
        fix=allowance(peak * _GROWTH) if evicted and peak else None,
    )
