"""An index is dropped while nobody can use its table.

Why: DROP INDEX takes an ACCESS EXCLUSIVE lock on the table. It is brief, but it waits for every
query that reads the table, and all that come after it wait behind it. DROP INDEX CONCURRENTLY
lets reads and writes go on; it cannot run in a transaction.

When: the table existed before, and the same transaction has not locked it anyway and does not drop
it. The index of a constraint and that of a partitioned table cannot be dropped concurrently. All
versions.

Bad:
```sql
DROP INDEX orders_user_id_idx;
```

Good:
```sql
DROP INDEX CONCURRENTLY orders_user_id_idx;
```
"""

import re
from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Action, Drop, DropIndex
from dbtool.lint.code import drop_index
from dbtool.lint.effect import Lock
from dbtool.lint.read import read_all
from dbtool.lint.saying import sure
from dbtool.lint.schema import Name, Table
from dbtool.lint.subject import Subject

_DROP = re.compile(r"\s*drop\s+table\b", re.I)

NAME = rule_name(__name__)
ACTIONS = (DropIndex,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report indexes that are dropped under a lock that everybody waits for."""
    for action, effect in subject.actions(DropIndex):
        table = subject.schema.index_table(action.index)
        if effect.lock is not Lock.ACCESS_EXCLUSIVE or effect.fails or _goes_too(subject, table):
            continue
        where = subject.shown(table.name) if table else "its table"
        parted = table is not None and bool(table.partition_by)
        name = Name(action.index.schema, table.name.name if table else "")
        code = drop_index(
            action.index.name, name, if_exists=action.if_exists, statement=subject.statement
        )
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{where}: reads and writes wait while index {action.index.name} is dropped",
            certainty=sure(table is not None),
            evidence=(
                "ACCESS EXCLUSIVE lock: brief, but it queues behind every open query",
                *(("the table is partitioned: there is no concurrent way",) if parted else ()),
            ),
            location=subject.location,
            fix=None if parted else Fix("python", code, "drop it while the table is used"),
        )


def _goes_too(subject: Subject, table: Table | None) -> bool:
    """Whether nobody can use the table already, or the same transaction drops it."""
    if table is None or table.name in subject.session.exclusive:
        return table is not None
    drops = (each for each in _behind(subject) if isinstance(each, Drop) and each.kind == "table")
    return any(subject.schema.full(each.name) == table.name for each in drops)


def _behind(subject: Subject) -> Iterator[Action]:
    """What drops follow in the transaction."""
    statements, own = subject.migration.up, subject.statement
    if own.transaction is None:
        return
    place = next((n for n, each in enumerate(statements, 1) if each is own), len(statements))
    later = [each for each in statements[place:] if each.transaction == own.transaction]
    for actions in read_all([each.sql for each in later if _DROP.match(each.sql)]):
        yield from actions
