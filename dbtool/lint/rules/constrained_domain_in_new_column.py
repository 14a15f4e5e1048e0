"""A column of a domain with constraints is added, and the table is written anew.

Why: the server passes the value of every row through the domain, also where it is null, and
rewrites the table and its indexes under an ACCESS EXCLUSIVE lock.

When: the type of ADD COLUMN is a domain with a CHECK or NOT NULL. A domain without constraints
costs nothing, and so does the type it stands on with a check of the table. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUMN shipping price;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN shipping numeric;
ALTER TABLE orders ADD CONSTRAINT orders_shipping_price CHECK (shipping >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_shipping_price;
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import Added, added, addition, fails
from dbtool.lint.code import chain
from dbtool.lint.code.adding import bare
from dbtool.lint.code.columns import validate
from dbtool.lint.code.constraints import add_check
from dbtool.lint.effect import Cause
from dbtool.lint.effects.casts import base
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report new columns whose values a domain looks at one by one."""
    for each in added(subject, Cause.CONSTRAINED_DOMAIN):
        for missing in each.effect.undecided(Cause.CONSTRAINED_DOMAIN):
            yield undecided(NAME, each.column, missing)
        if each.tasks and not fails(each):
            yield found(
                subject,
                NAME,
                f"{each.column}: domain {each.action.column.type} rewrites the table while nobody"
                " can use it",
                *locked(subject, each.effect),
                *worked(subject, each.tasks),
                about=each.action.table,
                fix=_fix(subject, each),
            )


def _fix(subject: Subject, each: Added) -> Fix | None:
    new = addition(subject, each)
    domain = subject.schema.type(new.type.named)
    if domain is None:
        return None
    plain, _ = base(new.type, subject.schema)
    first, second = [bare(replace(new, type=plain))], []
    for number, check_ in enumerate(domain.checks):
        name = f"{new.table.name}_{new.column}_{domain.name.name}{number or ''}"
        condition = check_.expression and check_.expression.renamed("value", new.column)
        first.append(add_check(new.table, name, str(condition)))
        second.append(validate(new.table, name))
    code = chain("\n".join(first), *(["\n".join(second)] if second else []))
    return Fix("python", code, "the type it stands on, and its checks as checks of the table")
