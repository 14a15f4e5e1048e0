"""The statement waited for a lock that another session held.

Why: a wait is part of the time users see, and none of it is in the plan's figures when it comes
before execution: the plan looks fast, and the statement is not.

When: a second session saw it wait for 200 ms or more, and a fifth of the execution. Who held the
lock is named. PostgreSQL 14+.

Bad:
```sql
-- while another session holds: LOCK TABLE shops
SELECT * FROM shops WHERE id = 7;
```

Good:
```sql
SELECT * FROM shops WHERE id = 7;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import duration
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name

NAME = rule_name(__name__)
LEAST_TIME = 200.0
LEAST_SHARE = 0.2


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report a wait that somebody saw."""
    wait = analysis.others.wait
    execution = analysis.plan.execution_ms or 0.0
    if wait is None or wait.milliseconds < max(LEAST_TIME, LEAST_SHARE * execution):
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"it waited {duration(wait.milliseconds)} or longer for a lock",
        certainty=Certainty.MEASURED,
        evidence=(wait.told,),
        fix=Fix("shell", "dbtool locks", "who waits for whom now"),
    )
