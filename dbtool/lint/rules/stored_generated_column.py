"""A stored generated column is added, or its expression changed, and the table is written anew.

Why: the value of every row is computed and stored. The table and its indexes are rewritten under
an ACCESS EXCLUSIVE lock.

When: `GENERATED ALWAYS AS (…) STORED` in ADD COLUMN, or SET EXPRESSION of such a column
(PostgreSQL 17+). A VIRTUAL column (PostgreSQL 18+) stores nothing and costs nothing. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (total * 1.2) STORED;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN gross numeric;
CREATE FUNCTION orders_gross() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.gross := NEW.total * 1.2;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_gross BEFORE INSERT OR UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION orders_gross();
UPDATE orders SET gross = total * 1.2 WHERE id BETWEEN 1 AND 1000 AND gross IS NULL;
```
"""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddColumn, SetExpression
from dbtool.lint.adding import added, addition
from dbtool.lint.code.generated import in_step
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn, SetExpression)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report columns whose value is computed and stored for every row that exists."""
    for each in added(subject, Cause.GENERATED_STORED):
        new = addition(subject, each, pb.CONSTR_GENERATED)
        table = subject.table(each.action.table)
        columns = tuple(table.columns) if table else ()
        yield found(
            subject,
            NAME,
            f"{each.column}: a stored expression rewrites the table while nobody can use it",
            *locked(subject, each.effect),
            *worked(subject, each.tasks),
            about=each.action.table,
            fix=Fix("python", in_step(new, columns), "a plain column, kept in step by a trigger"),
        )
    for action, effect in subject.actions(SetExpression):
        tasks = [*effect.of(Cause.GENERATED_STORED)]
        if tasks:
            yield found(
                subject,
                NAME,
                f"{action.table}.{action.column}: the new expression rewrites the table while"
                " nobody can use it",
                *locked(subject, effect),
                *worked(subject, tasks),
                "a second column with the new expression, kept in step by a trigger and filled"
                " in batches, can take its place",
                about=action.table,
            )
