"""A function in FROM returns far more rows than the planner takes for granted.

Why: of a function's rows nothing is known. PostgreSQL expects what its definition says, which is
1,000 where it says nothing; the joins around it are planned for that number.

When: the planner expected the default, ten times as many came, and a join depends on it.
PostgreSQL 14+.

Bad:
```sql
CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE plpgsql STABLE
  AS 'BEGIN RETURN QUERY SELECT generate_series(1, 20000); END';
SELECT count(o.note) FROM ids() i JOIN orders o ON o.id = i;
```

Good:
```sql
CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE plpgsql STABLE ROWS 20000
  AS 'BEGIN RETURN QUERY SELECT generate_series(1, 20000); END';
SELECT count(o.note) FROM ids() i JOIN orders o ON o.id = i;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.rules.row_misestimate import join_above
from dbtool.explain.wording import count, title, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
DEFAULT = 1_000
LEAST_FACTOR = 10


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report functions that return more than their definition says."""
    for node in analysis.of_kind("Function Scan"):
        if node.plan_rows != DEFAULT or not node.text("Function Name"):
            continue
        estimate = analysis.estimates.of(node)
        join = join_above(analysis, node)
        if estimate and estimate.factor >= LEAST_FACTOR and join:
            yield _finding(node, join, estimate.seen)


def _finding(node: Node, join: Node, rows: float) -> Finding:
    parts = [quoted(part) for part in (node.text("Schema"), node.text("Function Name")) if part]
    name = ".".join(parts)
    own = node.text("Schema") not in ("pg_catalog", "")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING if own else Severity.NOTE,
        title=f"{node.text('Function Name')}() returned {count(rows)} rows,"
        f" {count(DEFAULT)} were expected by default",
        certainty=Certainty.MEASURED,
        evidence=(f"{title(join)} (#{join.id}) was chosen on that estimate",),
        location=where(node),
        fix=Fix("sql", f"ALTER FUNCTION {name} ROWS {rows:.0f};", "what it usually returns")
        if own
        else None,
    )
