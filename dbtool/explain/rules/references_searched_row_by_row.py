"""Deleting or changing a row searches another table for rows that refer to it.

Why: PostgreSQL indexes the referenced key, not the column that refers to it. For each row that
is deleted, or whose key changes, it looks for rows that refer to it; without an index on that
column it reads the whole table each time.

When: the trigger of a foreign key on the referenced side took 1 ms per row or more, and 5 ms in
all. A plan does not tell which columns refer: `\\d` shows the constraint. PostgreSQL 14+.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shops;
DELETE FROM shops WHERE id > 180;
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shops;
CREATE INDEX ix_orders_shop_id ON orders (shop_id);
DELETE FROM shops WHERE id > 180;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Plan, Trigger
from dbtool.explain.wording import count, duration
from dbtool.finding import Certainty, Finding, Location, Severity, rule_name

NAME = rule_name(__name__)
LEAST_EACH = 1.0
LEAST_TIME = 5.0
_ACTION = "RI_ConstraintTrigger_a_"
"""How PostgreSQL names the triggers on the referenced side of a foreign key."""


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report foreign keys whose referring rows are searched for without an index."""
    for trigger in analysis.plan.triggers:
        if searches(analysis.plan, trigger):
            yield _finding(trigger)


def searches(plan: Plan, trigger: Trigger) -> bool:
    """Whether a foreign key's trigger takes the time of reading a whole table per row."""
    if trigger.time_ms < LEAST_TIME or trigger.time_ms < LEAST_EACH * max(trigger.calls, 1):
        return False
    if trigger.name:
        return trigger.name.startswith(_ACTION)
    deletes = any(
        node.kind == "ModifyTable" and node.text("Operation") == "Delete" for node in plan.nodes
    )
    return bool(trigger.constraint) and deletes


def _finding(trigger: Trigger) -> Finding:
    name = trigger.constraint or trigger.name
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{name}: {duration(trigger.time_ms / max(trigger.calls, 1))} per row to look for"
        " rows that refer to it",
        certainty=Certainty.HEURISTIC,
        evidence=(
            f"{duration(trigger.time_ms)} for {count(trigger.calls)} rows"
            + (f" of {trigger.relation}" if trigger.relation else ""),
            "create an index that begins with the referring columns of this constraint",
        ),
        location=Location(name=f"constraint {name}"),
    )
