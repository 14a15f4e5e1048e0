"""Triggers take a good part of a statement's time.

Why: a row trigger runs for each row that is written, after the plan has done its work, and is
not a node of the plan. Checks of foreign keys are triggers too.

When: triggers take 10 % of the execution and 5 ms or more. A statement trigger with transition
tables does the work once. Actions of a foreign key without an index have their own rule.
PostgreSQL 14+.

Bad:
```sql
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NULL; END';
CREATE TRIGGER slowly AFTER UPDATE ON shops FOR EACH ROW EXECUTE FUNCTION slowly();
UPDATE shops SET name = name;
```

Good:
```sql
CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER once AFTER UPDATE ON shops FOR EACH STATEMENT EXECUTE FUNCTION once();
UPDATE shops SET name = name;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.rules.references_searched_row_by_row import searches
from dbtool.explain.wording import count, duration
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.1
LEAST_TIME = 5.0


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report triggers that take their share."""
    execution = analysis.plan.execution_ms or 0.0
    for trigger in analysis.plan.triggers:
        enough = trigger.time_ms >= max(LEAST_TIME, LEAST_SHARE * execution)
        if enough and execution and not searches(analysis.plan, trigger):
            name = trigger.constraint or trigger.name
            share = percent(trigger.time_ms / execution)
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"the trigger {name} took {duration(trigger.time_ms)} in"
                f" {count(trigger.calls)} calls: {share} of the execution",
                certainty=Certainty.MEASURED,
                evidence=(f"{duration(trigger.time_ms / max(trigger.calls, 1))} each time",),
                location=Location(name=f"trigger {name}"),
            )
