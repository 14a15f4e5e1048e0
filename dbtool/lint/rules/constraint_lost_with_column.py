"""A dropped column takes constraints on other columns with it.

Why: DROP COLUMN silently drops every constraint and index that the column is part of. A unique
constraint over two columns goes with either of them, and duplicates are accepted from then on.

When: the constraint or unique index also covers other columns, and the history says so. All
versions.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_once UNIQUE (user_id, note);
ALTER TABLE orders DROP COLUMN note;
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_once UNIQUE (user_id, placed_at);
ALTER TABLE orders DROP COLUMN note;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import DropColumn
from dbtool.lint.schema import Holds, Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (DropColumn,)
_SPARED = (Holds.NOT_NULL, Holds.CHECK)
"""A check that compares a column with another one has no meaning without it."""


def check(subject: Subject) -> Iterator[Finding]:
    """Report guarantees about other columns that go with a column."""
    for action, effect in subject.actions(DropColumn):
        table = subject.table(action.table)
        lost = [*_lost(table, action.column)] if table and effect.locks else []
        if lost and not effect.fails:
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{subject.shown(action.table)}.{action.column}:"
                f" {' and '.join(lost)} goes with it",
                certainty=Certainty.PROVEN,
                evidence=("what it guaranteed about the other columns is not checked any more",),
                location=subject.location,
            )


def _lost(table: Table, column: str) -> Iterator[str]:
    for each in table.constraints.values():
        other = set(each.columns) - {column}
        if column in each.columns and other and each.kind not in _SPARED:
            yield f"{each.kind.value} {each.name} on ({', '.join(each.columns)})"
    for index in table.indexes.values():
        if index.unique and not index.constraint and index.uses(column) and len(index.columns) > 1:
            yield f"unique index {index.name}"
