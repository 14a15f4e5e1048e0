"""OFFSET reads and discards all the pages before the one that is shown.

Why: PostgreSQL cannot jump to a row by its position. Page 1,000 costs a thousand pages of work,
and rows that are inserted meanwhile shift the pages. Remember the last row instead (keyset
pagination): the next page then begins with an index look-up.

When: 1,000 rows or more were read and skipped, ten times as many as were returned.
PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders ORDER BY id LIMIT 10 OFFSET 20000;
```

Good:
```sql
SELECT * FROM orders WHERE id > 20000 ORDER BY id LIMIT 10;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
LEAST_SKIPPED = 1_000
LEAST_RATIO = 10


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report limits that skip far more rows than they return."""
    for node in analysis.ran:
        if node.kind != "Limit":
            continue
        below = [each for each in analysis.plan.children(node) if each.relationship == "Outer"]
        skipped = sum(each.rows for each in below) - node.rows
        if skipped >= LEAST_SKIPPED and skipped >= LEAST_RATIO * node.rows:
            yield _finding(analysis, node, skipped)


def _finding(analysis: Analysis, node: Node, skipped: float) -> Finding:
    keys = _sort_keys(analysis, node)
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"OFFSET reads {count(skipped)} rows and discards them to return {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=("every further page costs more than the one before",),
        location=where(node),
        fix=_fix(keys) if keys else None,
    )


def _sort_keys(analysis: Analysis, node: Node) -> tuple[str, ...]:
    """What the pages are ordered by: a sort says so, else the index that is read in order."""
    for each in analysis.plan.below(node):
        if keys := each.texts("Sort Key"):
            return keys
        table, index = analysis.table(each), each.text("Index Name")
        if table and each.kind in ("Index Scan", "Index Only Scan"):
            falling = " DESC" * (each.text("Scan Direction") == "Backward")
            found = [one for one in table.indexes if one.name == index and all(one.columns)]
            return tuple(quoted(column) + falling for one in found for column in one.columns)
    return ()


def _fix(keys: tuple[str, ...]) -> Fix | None:
    plain = [key.removesuffix(" DESC") for key in keys]
    falling = {key.endswith(" DESC") for key in keys}
    if len(falling) > 1 or any(" NULLS " in key or "(" in key for key in keys):
        return None
    listed = ", ".join(plain)
    values = ", ".join(f"${place}" for place in range(1, len(plain) + 1))
    left, right = (f"({listed})", f"({values})") if len(plain) > 1 else (listed, values)
    operator = "<" if True in falling else ">"
    order = ", ".join(keys)
    return Fix(
        "sql",
        f"-- the values are those of the last row of the page before\n"
        f"WHERE {left} {operator} {right} ORDER BY {order} LIMIT …",
        "begin after the last row seen; add a unique column to the order",
    )
