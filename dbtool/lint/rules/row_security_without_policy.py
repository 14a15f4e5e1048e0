"""Row level security is switched on for a table and no policy is created.

Why: without a policy nobody but the owner sees or writes a row: queries of running programs find
the table empty, without an error.

When: the migration creates no policy for the table, which may have one from before. All versions.

Bad:
```sql
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
```

Good:
```sql
CREATE POLICY everybody ON orders USING (true);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import AlterTable, Policy
from dbtool.lint.saying import actions_of, place, shown
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)


def check(whole: Whole) -> Iterator[Finding]:
    """Report ENABLE ROW LEVEL SECURITY on its own."""
    covered = {seen.action.table.name for seen in actions_of(whole, Policy)}
    for seen in actions_of(whole, AlterTable):
        switched = seen.action.change == "enable row security" and seen.effect.locks
        if switched and seen.action.table.name not in covered:
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{shown(whole.schema, seen.action.table)}: without a policy"
                " programs find no rows",
                certainty=Certainty.HEURISTIC,
                evidence=("row level security shows nothing to all but the owner by default",),
                location=place(seen.statement),
            )
