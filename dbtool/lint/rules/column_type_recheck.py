"""A column's type changes, and a check is proven again while nobody can use the table.

Why: the rows stay as they are, but ALTER TABLE makes every CHECK constraint on the column anew
and reads the whole table to prove it, under the ACCESS EXCLUSIVE lock it holds.

When: the table need not be rewritten, and a validated check reads the column. All versions.

Bad:
```sql
ALTER TABLE items ALTER COLUMN sku TYPE varchar(40);
```

Good:
```sql
BEGIN;
ALTER TABLE items DROP CONSTRAINT items_sku_filled;
ALTER TABLE items ALTER COLUMN sku TYPE varchar(40);
ALTER TABLE items ADD CONSTRAINT items_sku_filled CHECK (sku <> '') NOT VALID;
COMMIT;
ALTER TABLE items VALIDATE CONSTRAINT items_sku_filled;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AlterColumnType
from dbtool.lint.code import chain
from dbtool.lint.code.columns import drop_constraint, validate
from dbtool.lint.code.constraints import add_check
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, own_code, worked
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterColumnType,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of type that only cost the proof of a check."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        tasks = [*effect.of(Cause.TYPE_RECHECK)]
        if isinstance(action, AlterColumnType) and tasks:
            names = [*dict.fromkeys(each.why for each in tasks if each.why)]
            yield found(
                subject,
                NAME,
                f"{action.table}.{action.column}: check {', '.join(names)} is proven again"
                " while nobody can use the table",
                *locked(subject, effect),
                *worked(subject, tasks),
                about=action.table,
                fix=_fix(subject, action, place, names),
            )


def _fix(subject: Subject, action: AlterColumnType, place: int, names: list[str]) -> Fix | None:
    table = subject.table(action.table)
    checks = [table.constraints[name] for name in names if table and name in table.constraints]
    if not checks:
        return None
    code = chain(
        "\n".join(
            (
                *(drop_constraint(action.table, each.name, "check") for each in checks),
                own_code(subject, place),
                *(add_check(action.table, each.name, str(each.expression)) for each in checks),
            )
        ),
        "\n".join(validate(action.table, each.name) for each in checks),
    )
    return Fix("python", code, "put the check aside, and prove it while writes go on")
