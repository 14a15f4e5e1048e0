"""Planning takes longer than running the query.

Why: the planner tries the ways to join the tables, and looks at every partition and index that
may matter. With many joins or partitions that costs more than the work itself, for every
execution of an unprepared statement.

When: planning takes 30 ms or more and half of the whole time or more. Prune partitions by their
key, join fewer tables at once, or prepare the statement. PostgreSQL 14+.

Bad:
```sql
SET geqo = off;
SET join_collapse_limit = 16;
SELECT a.id FROM shops a JOIN shops b USING (id) JOIN shops c USING (id) JOIN shops d USING (id)
JOIN shops e USING (id) JOIN shops f USING (id) JOIN shops g USING (id) JOIN shops h USING (id)
JOIN shops i USING (id) JOIN shops j USING (id) JOIN shops k USING (id) WHERE a.id = 1;
```

Good:
```sql
SET join_collapse_limit = 4;
SELECT a.id FROM shops a JOIN shops b USING (id) JOIN shops c USING (id) JOIN shops d USING (id)
JOIN shops e USING (id) JOIN shops f USING (id) JOIN shops g USING (id) JOIN shops h USING (id)
JOIN shops i USING (id) JOIN shops j USING (id) JOIN shops k USING (id) WHERE a.id = 1;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import count, duration
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_TIME = 30.0
LEAST_SHARE = 0.5


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report planning that dominates."""
    plan = analysis.plan
    planning, execution = plan.planning_ms or 0.0, plan.execution_ms or 0.0
    if planning < LEAST_TIME or planning < LEAST_SHARE * (planning + execution):
        return
    scans = sum(1 for node in plan.nodes if node.relation)
    joins = sum(1 for node in plan.nodes if node.text("Join Type"))
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"planning took {duration(planning)}, running it {duration(execution)}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{percent(planning / (planning + execution))} of the time; the plan has"
            f" {count(joins)} joins and {count(scans)} scans of tables",
        ),
    )
