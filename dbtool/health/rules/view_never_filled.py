"""A materialized view that was never refreshed.

What it means: every query of it fails. It was created WITH NO DATA, or restored without a
refresh.

Reads: pg_class; any role may. When a view that has data was last refreshed, PostgreSQL does not
keep.

Thresholds: any.

Now: refresh it with the statement given; the first time nobody can be reading it.

For good: refresh at the end of the job or migration that creates it.

Bad:
```sql
CREATE MATERIALIZED VIEW totals AS SELECT sum(total) FROM orders WITH NO DATA;
```

Good:
```sql
REFRESH MATERIALIZED VIEW totals;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined

NAME = rule_name(__name__)
READS = ("views",)
MANY = "{} materialized views were never filled"


def check(examined: Examined) -> Iterator[Finding]:
    """Report each view."""
    for view in examined.views or ():
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"materialized view {view.name} was never filled: queries of it fail",
            certainty=Certainty.MEASURED,
            location=Location(name=view.name),
            fix=Fix("sql", f"REFRESH MATERIALIZED VIEW {view.name};"),
        )
