"""A view is dropped while programs that read it run.

Why: programs that were deployed before the view went still read it, and fail until the last of
them is replaced. Of a materialized view the rows have to be computed anew as well.

When: the view existed before, and none of that name is there when the migration is done: one that
is dropped and created again is fine. All versions.

Bad:
```sql
DROP VIEW active_users;
```

Good:
```sql
DROP VIEW active_users;
CREATE VIEW active_users AS SELECT id, name, email FROM users WHERE active;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import Drop
from dbtool.lint.saying import actions_of, in_use, is_there, new_views, place, shown, sure
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)


def check(whole: Whole) -> Iterator[Finding]:
    """Report views that are gone when the migration is done."""
    made = new_views(whole)
    for seen in actions_of(whole, Drop):
        kind, name = seen.action.kind, seen.action.name
        old = kind == "view" or (kind == "materialized view" and in_use(seen.effect, name))
        gone = not is_there(whole.schema, name) and name.name not in made
        if old and gone and not seen.effect.fails:
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{kind} {shown(whole.schema, name)}: running programs still read it",
                certainty=sure(whole.schema.complete),
                evidence=("queries that name it fail; drop it after the programs that know it",),
                location=place(seen.statement),
            )
