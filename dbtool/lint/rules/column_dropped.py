"""A column is dropped while programs that use it run.

Why: SQLAlchemy names every column of a model when it reads it. Programs that were deployed before
the column went ask for it, and each of those queries fails until the last program is replaced.
The values are lost.

When: the table existed before, and no other column gets the name in the same migration. Whether
the models still have the column is not known here: take it out of them and deploy that first. A
NOT NULL column without default has to accept rows without it meanwhile. All versions.

Bad:
```sql
ALTER TABLE orders DROP COLUMN note;
```

Good:
```sql
ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import DropColumn
from dbtool.lint.code import call, chain, execute, sql_name, string, within
from dbtool.lint.saying import certainty
from dbtool.lint.schema import Column
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (DropColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report columns that are dropped."""
    for action, effect in subject.actions(DropColumn):
        table = subject.table(action.table)
        column = table.columns.get(action.column) if table else None
        replaced = (action.table.name, action.column) in subject.session.renamed
        if (
            replaced
            or not effect.locks
            or effect.fails
            or (column is None and table and table.complete)
        ):
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{subject.shown(action.table)}.{action.column}:"
            " running programs still ask for it, and its values are lost",
            certainty=certainty(subject.schema, action.table),
            evidence=(
                "ACCESS EXCLUSIVE lock, brief; a program that has the column in a model fails",
                *_needed(column),
            ),
            location=subject.location,
            fix=Fix("python", _code(action, column), "drop it after the programs that know it"),
        )


def _needed(column: Column | None) -> tuple[str, ...]:
    if column is None or not _is_needed(column):
        return ()
    return ("it is NOT NULL without default: programs that no longer know it cannot insert",)


def _is_needed(column: Column) -> bool:
    return bool(column.not_null) and column.default is None and not column.identity


def _code(action: DropColumn, column: Column | None) -> str:
    where, name = string(action.table.name), string(action.column)
    place = within(action.table)
    first = "# take the column out of the models and deploy that"
    if column is not None and _is_needed(column):
        first = f"{call('alter_column', where, name, 'nullable=True', *place)}\n{first}"
    return chain(first, _drop(action))


def _drop(action: DropColumn) -> str:
    """The drop as it was meant; Alembic's own call knows neither CASCADE nor IF EXISTS."""
    if not action.cascade and not action.if_exists:
        where, name = string(action.table.name), string(action.column)
        return call("drop_column", where, name, *within(action.table))
    there = "IF EXISTS " if action.if_exists else ""
    behind = " CASCADE" if action.cascade else ""
    of, column = sql_name(action.table), sql_name(action.column)
    return execute(f"ALTER TABLE {of} DROP COLUMN {there}{column}{behind}")
