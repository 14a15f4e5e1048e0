"""The planner expected far more or far fewer rows than came.

Why: row estimates decide join methods, join order and memory. An error at the bottom of a plan
multiplies on its way up, so the finding names where it begins: the lowest node that is off
while what feeds it is not.

When: ten times off or more, on at least 100 rows. Estimates that only look wrong are left out:
rounding of rows per loop, nodes cut short by LIMIT, EXISTS or a merge join, nodes never
executed, and the share a parallel worker prints. So are recursion and EXCEPT, which the planner
can only guess, and estimates on which no join hangs and that no statistics would mend. Of the
partitions of a table the one that is furthest off speaks for the others. PostgreSQL 14+.

Bad:
```sql
SELECT * FROM customers WHERE city = 'city 7' AND country = 'country 7';
```

Good:
```sql
CREATE STATISTICS st_customers_city_country (dependencies, mcv) ON city, country FROM customers;
ANALYZE customers;
SELECT * FROM customers WHERE city = 'city 7' AND country = 'country 7';
```
"""

from collections import defaultdict
from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.estimates import Estimate
from dbtool.explain.plan import Node
from dbtool.explain.predicate import terms
from dbtool.explain.wording import count, on_lines, times, title, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.report import counted
from dbtool.sql.text import quoted

NAME = rule_name(__name__)
LEAST_FACTOR = 10
LEAST_ROWS = 100
INPUTS_RIGHT = 3
"""Inputs that are less than this many times off did not cause what is above them."""

STALE = 0.1
"""Share of a table's rows changed since ANALYZE from which on its statistics are stale."""

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond")
_GUESSED = frozenset({"CTE Scan", "WorkTable Scan", "Recursive Union", "SetOp", "Function Scan"})
"""Nodes whose rows nothing tells the planner: they repeat another node's error, or a guess.

Functions in FROM have a rule of their own.
"""

_JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report where misestimates begin."""
    beside: dict[int, list[tuple[Node, Estimate]]] = defaultdict(list)
    for node in analysis.ran:
        estimate = analysis.estimates.of(node)
        if estimate and _far_off(node, estimate) and _begins_here(analysis, node):
            group = node.parent if node.relationship == "Member" else -node.id
            beside[group].append((node, estimate))
    for found in beside.values():
        node, estimate = max(found, key=lambda each: each[1].off)
        yield from _finding(analysis, node, estimate, len(found) - 1)


def _far_off(node: Node, estimate: Estimate) -> bool:
    if estimate.off < LEAST_FACTOR:
        return False
    return max(node.rows, estimate.expected * node.loops) >= LEAST_ROWS


def _begins_here(analysis: Analysis, node: Node) -> bool:
    if node.kind in _GUESSED:
        return False
    below = (analysis.estimates.of(each) for each in analysis.plan.children(node))
    return all(each is None or each.off < INPUTS_RIGHT for each in below)


def _finding(analysis: Analysis, node: Node, estimate: Estimate, others: int) -> Iterator[Finding]:
    """The finding, where the estimate decided something or can be mended."""
    join = join_above(analysis, node)
    per_loop = " per loop" if node.loops > 1 else ""
    conditions = [text for key in _CONDITIONS if (text := node.text(key))]
    fix, cause = _fix(analysis, node, conditions)
    if not (fix or join):
        return
    evidence = (
        f"the condition is {' and '.join(conditions)}" if conditions else "",
        cause,
        f"{title(join)} (#{join.id}) was chosen on that estimate" if join else "",
        _more(others) if others else "",
    )
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if join and fix else Severity.NOTE,
        title=f"{_subject(node)}: {times(estimate.expected, 'row')} expected{per_loop},"
        f" {count(estimate.seen)} came ({_direction(estimate)})",
        certainty=Certainty.MEASURED,
        evidence=tuple(line for line in evidence if line),
        location=where(node),
        fix=fix,
    )


def _direction(estimate: Estimate) -> str:
    return f"{count(estimate.off)} times {'more' if estimate.factor > 1 else 'fewer'}"


def _subject(node: Node) -> str:
    return node.relation or node.text("Function Name") or node.kind


def _more(others: int) -> str:
    is_off = "is" if others == 1 else "are"
    return f"{counted(others, 'more node')} beside it {is_off} off as well"


def join_above(analysis: Analysis, node: Node) -> Node | None:
    """The nearest join whose method depended on a node's estimate."""
    above = analysis.plan.parent(node)
    while above is not None:
        if above.kind in _JOINS:
            return above
        above = analysis.plan.parent(above)
    return None


def _fix(analysis: Analysis, node: Node, shown: list[str]) -> tuple[Fix | None, str]:
    table = analysis.table(node)
    if not node.relation:
        return None, ""
    name = ".".join(quoted(part) for part in (node.text("Schema"), node.relation) if part)
    if table and table.kind == "r" and (table.rows < 0 or _stale(table.modified, table.rows)):
        why = "was never analysed" if table.rows < 0 else "changed much since it was last analysed"
        return Fix("sql", f"ANALYZE {name};", "fresh statistics"), f"{node.relation} {why}"
    if len(shown) < 2 and not any(" AND " in each for each in shown):
        return None, ""
    found = [each for condition in shown for each in terms(condition, node.alias)]
    columns = tuple(dict.fromkeys(term.column for term in found))
    if len(columns) > 1:
        return _statistics(node, name, columns), "the planner takes the conditions as independent"
    return None, ""


def _stale(modified: float, rows: float) -> bool:
    return modified >= max(STALE * rows, 1)


def _statistics(node: Node, table: str, columns: tuple[str, ...]) -> Fix:
    statistics = quoted("_".join(("st", node.relation, *columns))[:63])
    listed = ", ".join(quoted(column) for column in columns[:8])
    return Fix(
        "sql",
        on_lines(
            f"CREATE STATISTICS {statistics} (dependencies, mcv)", f"ON {listed} FROM {table};"
        )
        + f"\nANALYZE {table};",
        "statistics that know the columns belong together",
    )
