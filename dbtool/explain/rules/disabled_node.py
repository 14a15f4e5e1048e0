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
    for node in analysis.ran:
        setting = _SETTINGS.get(node.kind, "")
        if setting not in told and _disabled(analysis, node, setting):
            told.add(setting)
            yield _finding(node, setting)


def _disabled(analysis: Analysis, node: Node, setting: str) -> bool:
    if node.props.get("Disabled") is True:
        return True
    below = max((each.total_cost for each in analysis.inputs(node)), default=0.0)
    return (
        analysis.plan.settings.get(setting) == "off"
        and node.total_cost >= _PENALTY
        and below < _PENALTY
    )


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
