"""Compiling the query took more time than it can have saved.

Why: above a cost limit PostgreSQL compiles expressions to machine code. For queries that touch
many partitions or are overestimated, compilation takes longer than running them.

When: compilation takes 20 % of the execution and 50 ms or more. Servers built without LLVM never
compile. PostgreSQL 14+.

Bad:
```sql
SET jit = on;
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SELECT shop_id, avg(total), max(placed_at) FROM orders WHERE total > 10 GROUP BY shop_id;
```

Good:
```sql
SET jit = off;
SELECT shop_id, avg(total), max(placed_at) FROM orders WHERE total > 10 GROUP BY shop_id;
```
"""

from collections.abc import Iterator, Mapping

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import count, duration
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.2
LEAST_TIME = 50.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report compilation that dominates the execution."""
    plan = analysis.plan
    jit = plan.props.get("JIT")
    if not isinstance(jit, Mapping) or not plan.execution_ms:
        return
    timing = jit.get("Timing")
    total = _number(timing.get("Total")) if isinstance(timing, Mapping) else 0.0
    if total >= LEAST_TIME and total >= LEAST_SHARE * plan.execution_ms:
        share = percent(total / plan.execution_ms)
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"compiling took {duration(total)}, {share} of the execution",
            certainty=Certainty.MEASURED,
            evidence=(
                f"{count(_number(jit.get('Functions')))} functions compiled; the plan's cost is"
                f" {count(plan.root.total_cost)}",
            ),
            fix=Fix("sql", "SET LOCAL jit = off;", "for this query; or raise jit_above_cost"),
        )


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0
