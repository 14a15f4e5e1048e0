"""A column is added with a default and a foreign key, which is checked for every row at once.

Why: every row gets the default, so the server looks for it in the other table: it reads both,
while nobody can use the one and nobody can write to the other. Without a default there is nothing
to look for and nothing is reported.

When: REFERENCES stands in ADD COLUMN beside a default, be it NULL. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN seller_id bigint DEFAULT 1 REFERENCES users (id);
```

Good:
```sql
ALTER TABLE orders ADD COLUMN seller_id bigint DEFAULT 1;
ALTER TABLE orders ADD CONSTRAINT orders_seller_id_fkey
    FOREIGN KEY (seller_id) REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_seller_id_fkey;
```
"""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import Added, added, addition, apart
from dbtool.lint.code import chain, execute
from dbtool.lint.code.columns import validate
from dbtool.lint.code.statements import foreign_key
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report references of new columns that are checked for rows that exist."""
    for each in added(subject, Cause.INLINE_FOREIGN_KEY):
        yield found(
            subject,
            NAME,
            f"{each.column}: the reference is checked in every row while nobody can use the table",
            *locked(subject, each.effect),
            *worked(subject, each.tasks),
            about=each.action.table,
            fix=Fix("python", _code(subject, each), "add the reference apart, and prove it later"),
        )


def _code(subject: Subject, each: Added) -> str:
    new = addition(subject, each)
    keys = (key for key in each.action.constraints if key.kind is Holds.FOREIGN_KEY)
    key = next(keys)
    name = key.name or f"{new.table.name}_{new.column}_fkey"
    column = apart(subject, each, pb.CONSTR_FOREIGN)
    added = execute(foreign_key(subject.statement.sql, each.place, name))
    return chain(f"{column}\n{added}", validate(new.table, name))
