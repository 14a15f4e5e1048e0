"""A new value of an enum type can reach programs that do not know it.

Why: as soon as one program writes the value, those that were deployed before it read a value that
their Enum does not have: SQLAlchemy raises LookupError for the whole row.

When: the type existed before. Deploy programs that can read the value before any that write it.
All versions.

Bad:
```sql
ALTER TYPE order_state ADD VALUE 'lost';
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_status_known CHECK (status <> '') NOT VALID;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import AddEnumValue
from dbtool.lint.saying import sure
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddEnumValue,)


def check(subject: Subject) -> Iterator[Finding]:
    """Note values that old programs cannot read."""
    for action, effect in subject.actions(AddEnumValue):
        type_ = subject.schema.type(action.type)
        if (type_ is not None and (type_.new or action.label in type_.labels)) or effect.fails:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"type {action.type}: running programs cannot read '{action.label}'",
            certainty=sure(type_ is not None),
            evidence=("a program may write it only when all that read the rows know it",),
            location=subject.location,
        )
