"""A table is dropped while programs that use it run.

Why: programs that were deployed before the table went still query it, and fail until the last of
them is replaced. The rows are lost; only a backup has them.

When: the table existed before, and none of that name is there when the migration is done. Whether
a model still has it is not known here: take it out and deploy that first. All versions.

Bad:
```sql
DROP TABLE bookings;
```

Good:
```sql
COMMENT ON TABLE bookings IS 'not used since June, to be dropped';
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Drop, Rename
from dbtool.lint.code import call, chain, execute, sql_name, string, within
from dbtool.lint.saying import actions_of, in_use, place, shown, sure
from dbtool.lint.schema import Name
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
KINDS = ("table", "foreign table")


def check(whole: Whole) -> Iterator[Finding]:
    """Report tables that are gone when the migration is done."""
    renamed = {seen.action.to for seen in actions_of(whole, Rename)}
    for seen in actions_of(whole, Drop):
        name = seen.action.name
        used = seen.action.kind in KINDS and in_use(seen.effect, name)
        if not used or seen.effect.fails or _is_replaced(whole, name, renamed):
            continue
        code = chain("# take the table out of the models and deploy that", _drop(seen.action))
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{shown(whole.schema, name)}: running programs still use it,"
            " and its rows are lost",
            certainty=sure(whole.schema.complete),
            evidence=("ACCESS EXCLUSIVE lock, brief; a program that has it in a model fails",),
            location=place(seen.statement),
            fix=Fix("python", code, "drop it after the programs that know it"),
        )


def _drop(action: Drop) -> str:
    """The drop as it was meant; Alembic's own call knows neither CASCADE nor foreign tables."""
    if action.kind == "table" and not action.cascade and not action.if_exists:
        return call("drop_table", string(action.name.name), *within(action.name))
    there = "IF EXISTS " if action.if_exists else ""
    behind = " CASCADE" if action.cascade else ""
    return execute(f"DROP {action.kind.upper()} {there}{sql_name(action.name)}{behind}")


def _is_replaced(whole: Whole, name: Name, renamed: set[str]) -> bool:
    """Whether another table, filled before, has taken its name."""
    return name.name in renamed and whole.schema.table(name) is not None
