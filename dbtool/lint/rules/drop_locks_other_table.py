"""Something is dropped, and a table on the other side of its foreign keys is locked as well.

Why: a foreign key hangs on both of its tables. To drop it, or the table, column or key it stands
on, takes an ACCESS EXCLUSIVE lock on both: every read of the other table, which the statement does
not name, waits until the transaction ends, and so does the migration for every transaction that
has touched it. Several tables at once invite deadlocks.

When: the other table is in use. Dropped first, each foreign key in a short transaction of its own
and with a lock_timeout, none is left for the DROP to take. `dbtool upgrade` limits how long each
statement waits and tries again; what is run otherwise has to set the limit itself. All versions.

Bad:
```sql
DROP TABLE items;
```

Good:
```sql
SET lock_timeout = '2s';
ALTER TABLE items DROP CONSTRAINT items_order_id_fkey;
DROP TABLE items;
```
"""

import re
from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import Drop, DropColumn, DropConstraint
from dbtool.lint.code import chain, execute
from dbtool.lint.code.columns import drop_constraint
from dbtool.lint.effect import Effect, Lock
from dbtool.lint.evidence import found, listed, own_code
from dbtool.lint.schema import Constraint, Name, Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Drop, DropColumn, DropConstraint)

_CALLED = re.compile(r"(?:^|_)(?:fk|fkey)(?:_|$)", re.I)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report drops that lock a table which they do not name."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        match action:
            case Drop(kind="table", name=name):
                pass
            case DropColumn(table=name) | DropConstraint(table=name):
                pass
            case _:
                continue
        if isinstance(action, DropConstraint):
            yield from _doubted(subject, action, effect)
        others = _others(subject, name, effect)
        alone = isinstance(action, DropConstraint)
        if not others or effect.fails or (alone and _in_a_hurry(subject)):
            continue
        what = f"constraint {action.constraint}" if isinstance(action, DropConstraint) else "it"
        yield found(
            subject,
            NAME,
            f"{name}: dropping {what} locks {listed(subject, others)} as well",
            f"ACCESS EXCLUSIVE lock on {listed(subject, [name, *others])} until the transaction"
            " ends: reads and writes wait",
            about=name,
            severity=Severity.NOTE if alone and len(others) == 1 else Severity.WARNING,
            fix=_fix(subject, name, place, alone),
        )


def _doubted(subject: Subject, action: DropConstraint, effect: Effect) -> Iterator[Unknown]:
    """What is called a foreign key may be one of a table nobody has seen."""
    table = subject.table(action.table)
    seen = table is not None and (table.complete or action.constraint in table.constraints)
    called = "foreignkey" in subject.statement.source or _CALLED.search(action.constraint)
    if called and effect.locks and not seen and not _in_a_hurry(subject):
        what = f"which table {action.constraint} refers to, and so locks as well"
        yield Unknown(
            rule=NAME,
            reason=f"{action.table}: {what}",
            decide="lint it with the history, or give the schema with --schema",
        )


def _others(subject: Subject, name: Name, effect: Effect) -> list[Name]:
    """The locked tables that the statement does not name and the transaction has not yet."""
    table = subject.table(name)
    if table is None:
        return []
    known = {each.name for each in subject.schema.family(table)} | {table.parent}
    known |= {subject.schema.full(action.name) for action, _ in subject.actions(Drop)}
    known |= {each for each, (lock, _) in subject.held.items() if lock is Lock.ACCESS_EXCLUSIVE}
    beside = {key.references for key in table.foreign_keys}
    return [
        held.relation
        for held in effect.locks
        if held.lock is Lock.ACCESS_EXCLUSIVE
        and held.relation not in known
        and (held.relation in beside or subject.table(held.relation) is not None)
    ]


def _in_a_hurry(subject: Subject) -> bool:
    """Whether the migration itself limits how long it waits, and with it others behind it."""
    return subject.session.settings.get("lock_timeout", "0") not in ("", "0", "0s", "0ms")


def _fix(subject: Subject, name: Name, place: int, alone: bool) -> Fix | None:
    own = own_code(subject, place)
    short = execute("SET LOCAL lock_timeout = '2s'")
    if alone:
        return Fix("python", f"{short}\n{own}", "by itself in its revision, without a long wait")
    keys = [
        f"{short}\n{drop_constraint(_written(subject, table.name), key.name, 'foreignkey')}"
        for table, key in _keys(subject, name, place)
    ]
    if not keys:
        return None
    return Fix("python", chain(*keys, own), "drop each foreign key by itself first")


def _keys(subject: Subject, name: Name, place: int) -> Iterator[tuple[Table, Constraint]]:
    """The foreign keys that would go, on either side."""
    action, table = subject.steps[place].action, subject.table(name)
    if table is None:
        return
    column = action.column if isinstance(action, DropColumn) else None
    for key in table.foreign_keys:
        if key.references != table.name and (column is None or column in key.columns):
            yield table, key
    for other in subject.schema.referring(table):
        for key in other.foreign_keys:
            used = column is None or column in key.referenced
            if key.references == table.name and other.name != table.name and used:
                yield other, key


def _written(subject: Subject, name: Name) -> Name:
    return Name("", name.name) if subject.shown(name) == name.name else name
