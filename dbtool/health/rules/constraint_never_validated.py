"""A constraint holds for new rows and was never checked for old ones.

What it means: NOT VALID is the safe way to add a constraint, and VALIDATE its second half.
Without that the planner does not trust it, and rows that break it may be there.

Reads: pg_constraint; any role may.

Thresholds: any; constraints that are declared NOT ENFORCED (18) are meant so and left out.

Now: nothing is urgent.

For good: validate it with the statement given, which reads the table and holds up no reader or
writer; rows that break it are named by the error.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total > 0) NOT VALID;
```

Good:
```sql
ALTER TABLE orders VALIDATE CONSTRAINT total_positive;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("unvalidated",)
MANY = "{} constraints were never validated"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each constraint."""
    for constraint in examined.unvalidated or ():
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"constraint {constraint.name} on {constraint.table} was never validated",
            certainty=Certainty.MEASURED,
            location=Location(name=f"{constraint.table}.{constraint.name}"),
            fix=Fix(
                "sql", f"ALTER TABLE {constraint.table} VALIDATE CONSTRAINT {constraint.name};"
            ),
        )
