"""A scan in the order of a LIMIT reads and discards most of an index before it has its rows.

Why: for `ORDER BY … LIMIT` the planner may read an index in that order and filter as it goes,
expecting to meet enough rows soon. Where they are rare, or all at the other end, it reads the
index from one end to the other.

When: below a LIMIT an index was read in order, 1,000 rows or more were discarded and a hundred
times the rows returned, and the scan takes 5 % of the time or more. An index that begins with
what the filter compares, and goes on with the order, finds the rows at once. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders WHERE customer_id = 42 ORDER BY id LIMIT 1;
```

Good:
```sql
CREATE INDEX ix_orders_customer_id_id ON orders (customer_id, id);
SELECT * FROM orders WHERE customer_id = 42 ORDER BY id LIMIT 1;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.indexes import propose_order
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
LEAST_REMOVED = 1_000
LEAST_RATIO = 100
_KINDS = ("Index Scan", "Index Only Scan")


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report ordered scans that filter nearly everything away."""
    for node in analysis.of_kind(*_KINDS):
        if reads_on(analysis, node) and analysis.matters(node):
            yield _finding(analysis, node)


def reads_on(analysis: Analysis, node: Node) -> bool:
    """Whether a scan below a LIMIT goes through an index for rows that are rare."""
    removed = node.number("Rows Removed by Filter") * node.loops
    if removed < LEAST_REMOVED or removed < LEAST_RATIO * max(node.rows, 1):
        return False
    above = analysis.plan.parent(node)
    return above is not None and above.kind == "Limit"


def _finding(analysis: Analysis, node: Node) -> Finding:
    removed = node.number("Rows Removed by Filter") * node.loops
    proposal = propose_order(analysis, node, _order(analysis, node))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: {count(removed)} rows read in the order of"
        f" {node.text('Index Name')} and discarded to return {count(node.rows)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"the scan takes {percent(analysis.part(node))} of the time;"
            f" the filter is {node.text('Filter')}",
            *proposal.evidence,
        ),
        location=where(node),
        fix=proposal.fix,
    )


def _order(analysis: Analysis, node: Node) -> tuple[str, ...]:
    """The columns of the index that was read, in its order."""
    table = analysis.table(node)
    for index in table.indexes if table else ():
        if index.name == node.text("Index Name") and all(index.columns):
            return tuple(quoted(column) for column in index.columns)
    return ()
