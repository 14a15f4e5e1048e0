"""A type or schema gets another name under running programs.

Why: SQLAlchemy writes the name of an enum type or a schema into its statements. Programs that
were deployed before the rename go on using the old name, and their queries fail.

When: the type or schema existed before. The Python class can have the new name alone; the model
says the old one, as `Enum(..., name="order_state")`. All versions.

Bad:
```sql
ALTER TYPE order_state RENAME TO state;
```

Good:
```sql
CREATE TYPE state AS ENUM ('open', 'paid', 'sent');
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import Rename
from dbtool.lint.saying import actions_of, place, sure
from dbtool.lint.schema import Name
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
KINDS = ("type", "domain", "schema")


def check(whole: Whole) -> Iterator[Finding]:
    """Report types and schemas whose old name is gone when the migration is done."""
    for seen in actions_of(whole, Rename):
        action = seen.action
        renamed = whole.schema.type(Name(action.name.schema, action.to))
        gone = action.kind in KINDS and whole.schema.type(action.name) is None
        if gone and not (renamed is not None and renamed.new):
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{action.kind} {action.name}: running programs still use the old name",
                certainty=sure(renamed is not None or action.kind == "schema"),
                evidence=(f"it is {action.to} from here on; statements that name it fail",),
                location=place(seen.statement),
            )
