"""A unique constraint builds its index while nobody can use the table.

Why: ADD UNIQUE sorts every row into a new index under an ACCESS EXCLUSIVE lock. Built before, with
CREATE UNIQUE INDEX CONCURRENTLY, the index becomes the constraint in a moment.

When: the table existed before. A partitioned table cannot take an index that exists as its
constraint: there a unique index made of those of the partitions does the same. All versions.

Bad:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE (code);
```

Good:
```sql
CREATE UNIQUE INDEX CONCURRENTLY orders_code_key ON orders (code);
ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key;
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code.constraints import index_chain, partitioned_unique
from dbtool.lint.code.statements import keyed
from dbtool.lint.constraining import beside_column, name_of
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddConstraint,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report unique constraints that build their index."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if not isinstance(action, AddConstraint):
            continue
        tasks = [*effect.of(Cause.UNIQUE)]
        if tasks:
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
    constraint = replace(action.constraint, name=name)
    table = subject.table(action.table)
    if constraint.temporal:
        return None
    if table is not None and table.partition_by:
        _, *family = subject.schema.family(table)
        if any(each.partition_by for each in family):
            return None
        code = partitioned_unique(action.table, constraint, family)
        return Fix("python", code, "make a unique index of those of the partitions")
    code = index_chain(action.table, constraint, keyed(subject.statement.sql, place))
    kept = beside_column(subject, action.constraint.kind)
    return Fix("python", kept + code, "build the index while writes go on")
