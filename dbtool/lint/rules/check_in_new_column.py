"""A column is added with a CHECK in its definition, and the whole table is read to prove it.

Why: the check is proven for every row under the ACCESS EXCLUSIVE lock of ADD COLUMN, even where
the column has no default and every value is null.

When: CHECK stands in ADD COLUMN. Added apart and NOT VALID it holds for new rows at once, and
VALIDATE proves the old ones while reads and writes go on. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN discount integer CHECK (discount >= 0);
```

Good:
```sql
ALTER TABLE orders ADD COLUMN discount integer;
ALTER TABLE orders ADD CONSTRAINT orders_discount_check CHECK (discount >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_discount_check;
```
"""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import Added, added, addition, apart
from dbtool.lint.code import chain
from dbtool.lint.code.columns import validate
from dbtool.lint.code.constraints import add_check
from dbtool.lint.code.statements import written_beside
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report checks of new columns that are proven for rows that exist."""
    for each in added(subject, Cause.INLINE_CHECK):
        yield found(
            subject,
            NAME,
            f"{each.column}: the check is proven in every row while nobody can use the table",
            *locked(subject, each.effect),
            *worked(subject, each.tasks),
            about=each.action.table,
            fix=Fix("python", _code(subject, each), "add the check apart, and prove it later"),
        )


def _code(subject: Subject, each: Added) -> str:
    new = addition(subject, each)
    checks = (check for check in each.action.constraints if check.kind is Holds.CHECK)
    name = next(checks).name or f"{new.table.name}_{new.column}_check"
    condition = written_beside(subject.statement.sql, each.place, pb.CONSTR_CHECK) or ""
    column = apart(subject, each, pb.CONSTR_CHECK)
    added = add_check(new.table, name, condition)
    return chain(f"{column}\n{added}", validate(new.table, name))
