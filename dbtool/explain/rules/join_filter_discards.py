"""A join compares nearly every pair of rows, since its condition is no plain equality.

Why: hash and merge joins need an equality of columns. Where the condition is an OR, a range or a
cast, each row of one side is held against each row of the other.

When: the join discarded 10,000 pairs or more, ten times as many as it kept, and takes 5 % of the
time or more. An OR of equalities is often quicker as a UNION of two joins. PostgreSQL 14+.

Bad:
```sql
SELECT s.name, o.total FROM shops s JOIN orders o ON o.shop_id = s.id OR o.courier = s.name
WHERE o.id < 2000;
```

Good:
```sql
SELECT s.name, o.total FROM shops s JOIN orders o ON o.shop_id = s.id WHERE o.id < 2000
UNION
SELECT s.name, o.total FROM shops s JOIN orders o ON o.courier = s.name WHERE o.id < 2000;
```
"""

import re
from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, title, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_REMOVED = 10_000
LEAST_RATIO = 10
_JOINS = ("Nested Loop", "Hash Join", "Merge Join")
_EQUALITY = re.compile(r"[^<>!=] = ")
_CAST = re.compile(r"\)::(?!text\b|character varying\b)(\w+)")


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report joins that discard nearly all pairs by a condition no index or hash serves."""
    for node in analysis.of_kind(*_JOINS):
        removed = node.number("Rows Removed by Join Filter") * node.loops
        if removed < LEAST_REMOVED:
            continue
        enough = removed >= LEAST_RATIO * max(node.rows, 1)
        if enough and analysis.matters(node) and (why := cause(node.text("Join Filter"))):
            yield _finding(analysis, node, removed, why)


def cause(condition: str) -> str:
    """Why a condition is held against every pair; empty for a plain equality."""
    if " OR " in condition:
        return "its sides are joined by OR: two joins in a UNION can each use their equality"
    if not _EQUALITY.search(condition):
        return "it has no equality: bound one side by a condition of its own, or keep the pairs"
    if cast := _CAST.search(condition):
        return f"it compares after a cast to {cast[1]}: give both columns one type"
    return ""


def _finding(analysis: Analysis, node: Node, removed: float, why: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"a join compares {count(removed + node.rows)} pairs of rows to keep"
        f" {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{title(node)} takes {percent(analysis.part(node))} of the time;"
            f" the condition is {node.text('Join Filter')}",
            why,
        ),
        location=where(node),
    )
