"""A column's type changes, and the whole table is written anew while nobody can use it.

Why: the old type and the new one are stored differently, so ALTER TABLE writes every row and
builds every index again under an ACCESS EXCLUSIVE lock. Tables whose foreign keys use the column
are locked as well. A new column, kept in step by a trigger, filled in batches and swapped in,
gets there without a pause.

When: the values cannot stay as they are: another number type, another scale, a shorter limit,
`char(n)`, json to jsonb, text to an enum or uuid, a domain with constraints. A longer or no limit
at all, varchar to text, and timestamp to timestamptz while TimeZone is UTC cost nothing and are
not reported. All versions.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 4);
```

Good:
```sql
ALTER TABLE orders ADD COLUMN total_new numeric(12, 4);
CREATE FUNCTION orders_total_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.total_new := NEW.total;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_total_in_step BEFORE INSERT OR UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION orders_total_in_step();
-- a batch at a time, until every row has it
UPDATE orders SET total_new = total WHERE id BETWEEN 1 AND 1000 AND total_new IS NULL;
-- then, in one short transaction
BEGIN;
DROP TRIGGER orders_total_in_step ON orders;
ALTER TABLE orders RENAME COLUMN total TO total_old;
ALTER TABLE orders RENAME COLUMN total_new TO total;
COMMIT;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Unknown, rule_name
from dbtool.lint.actions import AlterColumnType, AlterType
from dbtool.lint.changing import change_of, safely
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType, AlterType)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report changes of type that rewrite a table; those that the server refuses are others'."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if isinstance(action, AlterType):
            for missing in effect.undecided(Cause.TYPE_CHANGE):
                yield undecided(NAME, str(action.name), missing)
        if not isinstance(action, AlterColumnType):
            continue
        column = f"{action.table}.{action.column}"
        for missing in effect.undecided(Cause.TYPE_CHANGE, Cause.TIME_ZONE):
            yield undecided(NAME, column, missing)
        tasks = [*effect.of(Cause.TYPE_CHANGE, Cause.TIME_ZONE)]
        if not tasks or any(effect.of(Cause.TYPE_UNCASTABLE, Cause.TYPE_USED, Cause.PARTITIONED)):
            continue
        change = change_of(subject, action, place)
        before = f"{change.before.type} to " if change.before.type else ""
        yield found(
            subject,
            NAME,
            f"{column}: {before}{action.type} rewrites the table while nobody can use it",
            *locked(subject, effect),
            *worked(subject, tasks),
            about=action.table,
            fix=safely(subject, change),
        )
