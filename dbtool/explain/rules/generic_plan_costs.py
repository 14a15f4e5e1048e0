"""The plan for any values is far worse than the one for these.

Why: a prepared statement that ran five times may get one plan for all values. Where a value is
rare, or a range narrow, that plan reads far more than one made for the value.

When: both plans were asked for (`--generic`), and the one for any values costs ten times as much
and by 100 at least, for the values that were given. PostgreSQL 14+.

Bad:
```sql
-- $1 = 2099-01-01
SELECT * FROM orders WHERE placed_at > $1;
```

Good:
```sql
-- $1 = 7
SELECT * FROM orders WHERE id = $1;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import count
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name

NAME = rule_name(__name__)
LEAST_RATIO = 10.0
LEAST_MORE = 100.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report a plan for any values that costs far more."""
    generic = analysis.others.generic
    if generic is None:
        return
    these, every = analysis.plan.root.total_cost, generic.root.total_cost
    if every - these < LEAST_MORE or every < LEAST_RATIO * max(these, 1.0):
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"the plan for any values costs {count(every)}, the one for these {count(these)}",
        certainty=Certainty.HEURISTIC,
        evidence=("the server may change to it after five runs of a prepared statement",),
        fix=Fix(
            "sql",
            "SET LOCAL plan_cache_mode = force_custom_plan;",
            "in the transaction, or for the role that runs it",
        ),
    )
