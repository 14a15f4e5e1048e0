"""A nested loop runs its inner side thousands of times, and that is where the time goes.

Why: a nested loop is right for a few outer rows. It is chosen for many when the planner expects
few, or when there is nothing better: no index on the inner side.

When: the inner side ran 1,000 times or more and takes 20 % of the time or more, and either the
outer side returned ten times the rows expected, or each run reads rows that the join then
discards. Many quick index look-ups under a right estimate are left alone. PostgreSQL 14+.

Bad:
```sql
CREATE INDEX ON orders (customer_id);
SELECT count(o.note) FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE c.city = 'city 7' AND c.country = 'country 7';
```

Good:
```sql
CREATE INDEX ON orders (customer_id);
CREATE STATISTICS st_customers_city_country (dependencies, mcv) ON city, country FROM customers;
ANALYZE customers;
SELECT count(o.note) FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE c.city = 'city 7' AND c.country = 'country 7';
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.indexes import Proposal, propose
from dbtool.explain.plan import Node
from dbtool.explain.rules.join_filter_discards import cause
from dbtool.explain.wording import count, title, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_LOOPS = 1_000
LEAST_SHARE = 0.2
UNDERESTIMATED = 10
LEAST_DISCARDED = 10
"""Rows the join must read per row it keeps before its inner side counts as unindexed."""


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report nested loops whose inner side is run too often or searches too much."""
    for node in analysis.ran:
        sides = _sides(analysis, node) if node.kind == "Nested Loop" else ()
        if len(sides) < 2:
            continue
        outer, inner = sides[:2]
        if inner.loops >= LEAST_LOOPS and analysis.part_below(inner) >= LEAST_SHARE:
            yield from _judge(analysis, node, outer, inner)


def _sides(analysis: Analysis, node: Node) -> tuple[Node, ...]:
    below = analysis.plan.children(node)
    return tuple(each for each in below if each.relationship != "InitPlan")


def _judge(analysis: Analysis, node: Node, outer: Node, inner: Node) -> Iterator[Finding]:
    estimate = analysis.estimates.of(outer)
    if estimate and estimate.factor >= UNDERESTIMATED:
        yield _finding(
            analysis,
            node,
            inner,
            f"{title(outer)} (#{outer.id}) was expected to return {count(estimate.expected)} rows"
            f" and returned {count(estimate.seen)}",
            Proposal(),
        )
        return
    scan = _scan(analysis, inner)
    if cause(node.text("Join Filter")):
        return
    discarded = node.number("Rows Removed by Join Filter") * node.loops
    discarded += scan.number("Rows Removed by Filter") * scan.loops if scan else 0
    if scan and scan.kind == "Seq Scan" and discarded >= LEAST_DISCARDED * max(node.rows, 1):
        conditions = (node.text("Join Filter"), scan.text("Filter"))
        proposal = propose(analysis, scan, *(each for each in conditions if each))
        why = f"each run searches {scan.relation} without an index: {count(discarded)} rows in vain"
        yield _finding(analysis, node, inner, why, proposal)


def _scan(analysis: Analysis, inner: Node) -> Node | None:
    """The scan at the bottom of an inner side that only passes its rows on."""
    while inner.kind in ("Materialize", "Memoize", "Sort", "Subquery Scan") and inner.children:
        inner = analysis.plan.node(inner.children[0])
    return inner if inner.relation else None


def _finding(analysis: Analysis, node: Node, inner: Node, why: str, proposal: Proposal) -> Finding:
    share = percent(analysis.part_below(inner))
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"a nested loop runs its inner side {count(inner.loops)} times: {share} of the time",
        certainty=Certainty.MEASURED,
        evidence=(f"the inner side is #{inner.id} {title(inner)}", why, *proposal.evidence),
        location=where(node),
        fix=proposal.fix,
    )
