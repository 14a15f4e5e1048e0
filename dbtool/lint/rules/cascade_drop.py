"""CASCADE drops whatever depends on the object, and nobody has listed it.

Why: without CASCADE the server refuses and names what depends on the object. With it, views,
foreign keys, defaults and whole columns of a type go without a word, in production perhaps others
than in the database it was tried on.

When: CASCADE is written, and something depends on the object or it is not known that nothing
does. All versions.

Bad:
```sql
DROP TABLE orders CASCADE;
```

Good:
```sql
ALTER TABLE items DROP CONSTRAINT items_order_id_fkey;
```
"""

from collections.abc import Iterable, Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import Drop, DropColumn, DropConstraint, DropIndex
from dbtool.lint.saying import shown, sure
from dbtool.lint.schema import Column, Name, Schema, Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Drop, DropColumn, DropConstraint, DropIndex)


def check(subject: Subject) -> Iterator[Finding]:
    """Report CASCADE, with what is known to go."""
    for step in subject.steps:
        action = step.action
        if not isinstance(action, ACTIONS) or not action.cascade:
            continue
        found = [*dict.fromkeys(_dependents(subject.schema, action))]
        if not found and subject.schema.complete:
            continue
        goes = found or ["whatever depends on it: not known here"]
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{_said(action)}: CASCADE drops what depends on it",
            certainty=sure(bool(found)),
            evidence=tuple(f"it takes {each}" for each in goes),
            location=subject.location,
        )


def _said(action: Drop | DropColumn | DropConstraint | DropIndex) -> str:
    match action:
        case Drop(kind=kind, name=name):
            return f"{kind} {name}"
        case DropColumn(table=table, column=column):
            return f"{table}.{column}"
        case DropConstraint(table=table, constraint=constraint):
            return f"constraint {constraint} of {table}"
    return f"index {action.index}"


def _dependents(
    schema: Schema, action: Drop | DropColumn | DropConstraint | DropIndex
) -> Iterator[str]:
    match action:
        case Drop(kind="type" | "domain", name=name):
            yield from _columns(schema, schema.using(name))
        case Drop(kind="extension", name=name):
            yield from _columns(schema, schema.typed_by(name.name))
        case Drop(kind="schema", name=name):
            yield from (
                f"table {shown(schema, each)}" for each in schema.tables if each.schema == name.name
            )
        case Drop(kind="view", name=name):
            yield from _views(schema, name)
        case Drop(kind="table" | "foreign table" | "materialized view", name=name):
            yield from _of_table(schema, name)
        case DropColumn(table=name, column=column):
            yield from _of_column(schema, name, column)
        case DropConstraint(table=name, constraint=constraint):
            yield from _of_constraint(schema, name, constraint)


def _columns(schema: Schema, found: Iterable[tuple[Table, Column]]) -> Iterator[str]:
    for table, column in found:
        yield f"column {shown(schema, table.name)}.{column.name} with its values"


def _views(schema: Schema, name: Name, column: str = "*") -> Iterator[str]:
    found = schema.table(name) or schema.view(name)
    for view in schema.readers(found.name, column) if found else ():
        yield f"view {shown(schema, view.name)}"


def _of_table(schema: Schema, name: Name) -> Iterator[str]:
    table = schema.table(name)
    if table is not None:
        yield from _keys(schema, table, ())
        yield from _views(schema, name)


def _of_column(schema: Schema, name: Name, column: str) -> Iterator[str]:
    table = schema.table(name)
    if table is not None:
        yield from _keys(schema, table, (column,))
        yield from _views(schema, name, column)


def _of_constraint(schema: Schema, name: Name, constraint: str) -> Iterator[str]:
    table = schema.table(name)
    found = table.constraints.get(constraint) if table else None
    if table is not None and found is not None:
        yield from _keys(schema, table, found.columns)


def _keys(schema: Schema, table: Table, columns: tuple[str, ...]) -> Iterator[str]:
    """The foreign keys of others that refer to the table, or to columns of it."""
    for other in schema.referring(table):
        for key in other.foreign_keys:
            meant = key.references == table.name and set(columns) <= {*key.referenced}
            if meant and other.name != table.name:
                yield f"foreign key {key.name} of {shown(schema, other.name)}"
