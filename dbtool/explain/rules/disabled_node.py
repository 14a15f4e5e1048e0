"""A settings switch forbade this kind of node, and it was used all the same.

Why: `enable_…` settings do not forbid, they make a kind of node look expensive. Where there is no
other way it is taken, and the rest of the plan was chosen under a wrong price. Such settings are
meant for an experiment; left on a role or a database they mislead every query.

When: PostgreSQL marks the node as disabled (18 and later), or its cost carries the penalty
(before), while the setting is in force. PostgreSQL 14+.

Bad:
```sql
SET enable_seqscan = off;
SELECT count(note) FROM orders;
```

Good:
```sql
SELECT count(note) FROM orders;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import title, where
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name

NAME = rule_name(__name__)
_PENALTY = 1e10
_SETTINGS = {
    "Seq Scan": "enable_seqscan",
    "Index Scan": "enable_indexscan",
    "Index Only Scan": "enable_indexonlyscan",
    "Bitmap Heap Scan": "enable_bitmapscan",
    "Nested Loop": "enable_nestloop",
    "Hash Join": "enable_hashjoin",
    "Merge Join": "enable_mergejoin",
    "Sort": "enable_sort",
    "Materialize": "enable_material",
    "Tid Scan": "enable_tidscan",
}


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report each disabled kind of node once."""
    told = set()
    off = {name for name, value in analysis.plan.settings.items() if value == "off"}
    for node in analysis.ran:
        if node.props.get("Disabled") is True or (off and _fined(analysis, node, off)):
            setting = _SETTINGS.get(node.kind, "")
            if setting not in told:
                told.add(setting)
                yield _finding(node, setting)


def _fined(analysis: Analysis, node: Node, off: set[str]) -> bool:
    """Whether the cost of a node carries the penalty, and those below it do not."""
    if _SETTINGS.get(node.kind) not in off or node.total_cost < _PENALTY:
        return False
    return all(each.total_cost < _PENALTY for each in analysis.inputs(node))


def _finding(node: Node, setting: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{title(node)} was used although {setting or 'a setting'} is off",
        certainty=Certainty.MEASURED,
        evidence=("costs of this plan carry a penalty, and other nodes were chosen because of it",),
        location=where(node),
        fix=Fix("sql", f"SET LOCAL {setting} = on;", "as PostgreSQL comes") if setting else None,
    )
