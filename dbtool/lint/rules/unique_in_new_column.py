"""A column is added UNIQUE or as the primary key, and its index is built while nobody can use
the table.

Why: ADD COLUMN holds an ACCESS EXCLUSIVE lock, and the index is built under it from the whole
table, even where every value is null.

When: UNIQUE or PRIMARY KEY stands in ADD COLUMN. Added bare, the column gets its index
CONCURRENTLY and the constraint from the index. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN number text UNIQUE;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN number text;
CREATE UNIQUE INDEX CONCURRENTLY orders_number_key ON orders (number);
ALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX orders_number_key;
```
"""

from collections.abc import Iterator
from dataclasses import replace

from postgast import pg_query_pb2 as pb

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import Added, added, addition, apart, fails
from dbtool.lint.code import chain
from dbtool.lint.code.constraints import index_chain
from dbtool.lint.code.statements import keyed
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report indexes that are built for a new column."""
    for each in added(subject, Cause.INLINE_UNIQUE):
        if fails(each):
            continue
        yield found(
            subject,
            NAME,
            f"{each.column}: {each.tasks[0].why} builds its index while nobody can use the table",
            *locked(subject, each.effect),
            *worked(subject, each.tasks),
            about=each.action.table,
            fix=_fix(subject, each),
        )


def _fix(subject: Subject, each: Added) -> Fix:
    new = addition(subject, each)
    primary = (key for key in each.action.constraints if key.kind is Holds.PRIMARY_KEY)
    unique = (key for key in each.action.constraints if key.kind is Holds.UNIQUE)
    constraint = next(primary, None) or next(unique)
    if not constraint.name:
        suffix = "pkey" if constraint.kind is Holds.PRIMARY_KEY else f"{new.column}_key"
        constraint = replace(constraint, name=f"{new.table.name}_{suffix}")
    nullable = (new.column,) if constraint.kind is Holds.PRIMARY_KEY else ()
    said = keyed(subject.statement.sql, each.place)
    column = apart(subject, each, pb.CONSTR_UNIQUE, pb.CONSTR_PRIMARY)
    code = chain(column, index_chain(new.table, constraint, said, nullable))
    return Fix("python", code, "add it bare, and build the index while everybody goes on")
