"""A column is added with a default that differs from row to row, so the table is written anew.

Why: a default with one value for all rows is kept in the catalog. A volatile one, as `random()`,
`clock_timestamp()`, `gen_random_uuid()`, `nextval()` or a function of your own that is not declared
otherwise, is computed for each row: the table and its indexes are rewritten under an ACCESS
EXCLUSIVE lock.

When: the default of ADD COLUMN calls a volatile function. `now()`, `current_timestamp` and other
stable functions are not, and cost nothing. PostgreSQL 11+; before, any default rewrites.

Bad:
```sql
ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();
```

Good:
```sql
ALTER TABLE orders ADD COLUMN token uuid;
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
UPDATE orders SET token = gen_random_uuid() WHERE id BETWEEN 1 AND 1000 AND token IS NULL;
```
"""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import Added, added, addition, apart
from dbtool.lint.code.adding import Addition, with_default
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report defaults that are computed for every row that exists."""
    for each in added(subject, Cause.VOLATILE_DEFAULT):
        for missing in each.effect.undecided(Cause.VOLATILE_DEFAULT):
            yield undecided(NAME, each.column, missing)
        if each.tasks:
            new = addition(subject, each, pb.CONSTR_DEFAULT)
            yield found(
                subject,
                NAME,
                f"{each.column}: {_default(new)} rewrites the table while nobody can use it",
                *locked(subject, each.effect),
                *worked(subject, each.tasks),
                about=each.action.table,
                fix=_fix(subject, each, new) if new.value else None,
            )


def _default(new: Addition) -> str:
    return f"DEFAULT {new.value}" if new.value else "the default of its domain"


def _fix(subject: Subject, each: Added, new: Addition) -> Fix:
    column = apart(subject, each, pb.CONSTR_DEFAULT, pb.CONSTR_NOTNULL)
    label = "add it bare, set the default, fill the rows that exist in batches"
    return Fix("python", with_default(new, column), label)
