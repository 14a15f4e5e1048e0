"""A primary key builds its index while nobody can use the table.

Why: ADD PRIMARY KEY sorts every row into a new index under an ACCESS EXCLUSIVE lock, and reads the
table once more for nulls where its columns are not NOT NULL yet. An index that was built
concurrently, over columns that are NOT NULL, becomes the primary key in a moment.

When: the table existed before. All versions; the proof of NOT NULL by a check PostgreSQL 12+.

Bad:
```sql
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY (tag_id);
```

Good:
```sql
ALTER TABLE tags ADD CONSTRAINT tags_tag_id_not_null CHECK (tag_id IS NOT NULL) NOT VALID;
ALTER TABLE tags VALIDATE CONSTRAINT tags_tag_id_not_null;
ALTER TABLE tags ALTER COLUMN tag_id SET NOT NULL;
ALTER TABLE tags DROP CONSTRAINT tags_tag_id_not_null;
CREATE UNIQUE INDEX CONCURRENTLY tags_pkey ON tags (tag_id);
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code.constraints import index_chain
from dbtool.lint.code.statements import keyed
from dbtool.lint.constraining import name_of, nullable
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report primary keys that build their index."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if not isinstance(action, AddConstraint):
            continue
        tasks = [*effect.of(Cause.PRIMARY_KEY, Cause.PRIMARY_KEY_NULLABLE)]
        if any(effect.of(Cause.PRIMARY_KEY)):
            name = name_of(subject, action)
            yield found(
                subject,
                NAME,
                f"{action.table}: nobody can use the table while the index of {name} is built",
                *locked(subject, effect),
                *worked(subject, tasks),
                about=action.table,
                fix=_fix(subject, action, place, name),
            )


def _fix(subject: Subject, action: AddConstraint, place: int, name: str) -> Fix | None:
    table = subject.table(action.table)
    if action.constraint.temporal or (table is not None and table.partition_by):
        return None
    constraint = replace(action.constraint, name=name)
    code = index_chain(
        action.table,
        constraint,
        keyed(subject.statement.sql, place),
        nullable(table, constraint.columns),
    )
    return Fix("python", code, "build the index while writes go on")
