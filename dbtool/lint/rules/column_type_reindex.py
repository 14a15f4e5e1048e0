"""A column's type or collation changes, and an index is built again while nobody can use the table.

Why: the rows stay as they are, but the index orders them by other rules, or stands on an
expression. ALTER TABLE builds it anew under the ACCESS EXCLUSIVE lock it holds.

When: the table need not be rewritten and an index on the column cannot go on: citext to text,
another collation, an expression or a condition over the column. All versions.

Bad:
```sql
ALTER TABLE users ALTER COLUMN nickname TYPE text;
```

Good:
```sql
DROP INDEX CONCURRENTLY users_nickname_idx;
ALTER TABLE users ALTER COLUMN nickname TYPE text;
CREATE INDEX CONCURRENTLY users_nickname_idx ON users (nickname);
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.changing import change_of, safely
from dbtool.lint.code import chain, create_index, drop_index
from dbtool.lint.effect import Cause, Task
from dbtool.lint.evidence import found, listed, locked, own_code
from dbtool.lint.schema import Index
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of type that only cost an index."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        tasks = [*effect.of(Cause.TYPE_REINDEX)]
        if isinstance(action, AlterColumnType) and tasks:
            what = f"{action.table}.{action.column}"
            yield found(
                subject,
                NAME,
                f"{what}: {_named(tasks)} built again while nobody can use the table",
                *locked(subject, effect),
                f"every row of {listed(subject, [each.relation for each in tasks])} is read",
                about=action.table,
                fix=_fix(subject, action, place, tasks),
            )


def _named(tasks: list[Task]) -> str:
    names = [*dict.fromkeys(each.why for each in tasks if each.why)]
    if len(names) == 1:
        return f"index {names[0]} is"
    return f"indexes {', '.join(names)} are" if names else "its indexes are"


def _fix(subject: Subject, action: AlterColumnType, place: int, tasks: list[Task]) -> Fix:
    change = change_of(subject, action, place)
    known = change.known.indexes if change.known else {}
    indexes: list[Index] = [
        replace(known[each.why], table=action.table) for each in tasks if each.why in known
    ]
    if not indexes or any(each.constraint for each in indexes):
        return safely(subject, change)
    code = chain(
        "\n".join(drop_index(each.name, action.table) for each in indexes),
        own_code(subject, place),
        "\n".join(create_index(each) for each in indexes),
    )
    return Fix("python", code, "do without the index meanwhile and build it while writes go on")
