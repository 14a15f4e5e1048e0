"""A column is converted before it is compared, so its index is not used.

Why: an index on a column knows the column's values, not what a cast or another type makes of
them. Drivers cause this unseen: a float or numeric parameter turns an integer column into
numeric.

When: a scan discarded 10,000 rows, ten times those it kept, by a comparison of a converted
column for which an index exists. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM orders WHERE id = 42::numeric;
```

Good:
```sql
SELECT * FROM orders WHERE id = 42;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.facts import IndexFacts
from dbtool.explain.indexes import propose
from dbtool.explain.plan import Node
from dbtool.explain.predicate import terms
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_READ = 10_000
LEAST_RATIO = 10


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report scans that would have an index but for a cast."""
    for node in analysis.of_kind("Seq Scan"):
        if (found := hidden(analysis, node)) and analysis.matters(node):
            yield _finding(analysis, node, found)


def hidden(analysis: Analysis, node: Node) -> IndexFacts | None:
    """The index of a column that the filter converts before it compares it."""
    removed = node.number("Rows Removed by Filter") * node.loops
    if removed < LEAST_READ or (table := analysis.table(node)) is None:
        return None
    if removed < LEAST_RATIO * max(node.rows, 1):
        return None
    for term in terms(node.text("Filter"), node.alias, table.columns):
        if term.cast and (term.equality or term.range):
            for index in table.indexes:
                if index.columns[:1] == (term.column,) and index.method == "btree":
                    return index
    return None


def _finding(analysis: Analysis, node: Node, index: IndexFacts) -> Finding:
    removed = node.number("Rows Removed by Filter") * node.loops
    proposal = propose(analysis, node, node.text("Filter"))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{node.relation}: {index.name} is not used, since {index.columns[0]} is converted"
        " before it is compared",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{count(removed + node.rows)} rows read to keep {count(node.rows)},"
            f" {percent(analysis.part(node))} of the time; the condition is {node.text('Filter')}",
            *proposal.evidence,
        ),
        location=where(node),
    )
