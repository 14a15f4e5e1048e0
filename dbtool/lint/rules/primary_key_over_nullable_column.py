"""A primary key is made of an index, and the table is read for nulls while nobody can use it.

Why: USING INDEX spares the build, not the proof that no value is null. Where a column of the
index is nullable, the server makes it NOT NULL on the way and reads every row under an ACCESS
EXCLUSIVE lock.

When: a column of the index is not NOT NULL and no validated check proves it. All versions; the
proof by a check PostgreSQL 12+.

Bad:
```sql
CREATE UNIQUE INDEX CONCURRENTLY tags_pkey ON tags (tag_id);
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
```

Good:
```sql
CREATE UNIQUE INDEX CONCURRENTLY tags_pkey ON tags (tag_id);
ALTER TABLE tags ADD CONSTRAINT tags_tag_id_not_null CHECK (tag_id IS NOT NULL) NOT VALID;
ALTER TABLE tags VALIDATE CONSTRAINT tags_tag_id_not_null;
ALTER TABLE tags ALTER COLUMN tag_id SET NOT NULL;
ALTER TABLE tags DROP CONSTRAINT tags_tag_id_not_null;
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code import chain
from dbtool.lint.code.columns import not_null_steps
from dbtool.lint.constraining import name_of, nullable
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, own_code, worked
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report primary keys of an index whose columns can be null."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if not isinstance(action, AddConstraint) or not action.constraint.index:
            continue
        for missing in effect.undecided(Cause.PRIMARY_KEY_NULLABLE):
            yield undecided(NAME, str(action.table), missing)
        tasks = [*effect.of(Cause.PRIMARY_KEY_NULLABLE)]
        if tasks:
            yield found(
                subject,
                NAME,
                f"{action.table}: every row is read for primary key {name_of(subject, action)}"
                " while nobody can use the table",
                *locked(subject, effect),
                *worked(subject, tasks),
                about=action.table,
                fix=_fix(subject, action, place),
            )


def _fix(subject: Subject, action: AddConstraint, place: int) -> Fix | None:
    table = subject.table(action.table)
    index = table.indexes.get(action.constraint.index) if table else None
    if index is None:
        return None
    steps = [
        step
        for column in nullable(table, index.columns)
        for step in not_null_steps(action.table, column)
    ]
    code = chain(*steps, own_code(subject, place))
    return Fix("python", code, "prove NOT NULL before")
