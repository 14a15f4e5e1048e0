"""What statements about whole tables, or a column of one, change in the replayed catalog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dbtool.lint.already import taken
from dbtool.lint.replay import sequences
from dbtool.lint.replay.naming import constraint_name, index_name
from dbtool.lint.schema import (
    Column,
    Constraint,
    Holds,
    Index,
    Name,
    Schema,
    Table,
    with_columns,
)
from dbtool.lint.values import replace

_INDEXED = (Holds.PRIMARY_KEY, Holds.UNIQUE, Holds.EXCLUDE)


def known(schema: Schema, name: Name) -> Table:
    """The table of a name; one nobody has seen created is entered with nothing known of it."""
    table = schema.table(name)
    if table is None:
        table = Table(name=schema.full(name), complete=False)
        schema.put(schema.tables, table.name, table)
    return table


def store(schema: Schema, table: Table) -> None:
    """Enter the new state of a table."""
    schema.put(schema.tables, table.name, table)


def change_column(
    schema: Schema,
    table: Name,
    name: str,
    change: Callable[[Column], Column],
    *,
    only: bool = False,
) -> None:
    """Enter another state of a column, also where a child or partition has it."""
    whole = known(schema, table)
    for each in (whole,) if only else schema.family(whole):
        column = each.columns.get(name) or Column(name=name, not_null=None)
        store(schema, with_columns(each, [change(column)]))


def resolved(schema: Schema, reads: frozenset[tuple[Name, str]]) -> frozenset[tuple[Name, str]]:
    """What a view reads, with full names, less the columns that its tables do not have."""
    found: set[tuple[Name, str]] = set()
    for name, column in reads:
        table, view = schema.table(name), schema.view(name)
        full = table.name if table else view.name if view else schema.full(name)
        if table is not None and table.complete and column == "*":
            # What is added later is not read by a view that was made before.
            found.update([(full, each) for each in table.columns])
        elif table is None or not table.complete or column in ("", *table.columns):
            found.add((full, column))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Used:
    """The names that the server passes over when it names a constraint or an index itself."""

    schema: Schema
    table: Table
    indexed: bool

    def __contains__(self, name: object) -> bool:
        table, home = self.table, self.table.name.schema
        if name in table.constraints or name in table.indexes:
            return True
        if self.indexed:
            return taken(self.schema, Name(home, str(name)))
        # Another table had the name before, and its constraints are called by it.
        return table.name in self.schema.former and any(
            name in each.constraints
            for each in self.schema.tables.values()
            if each.name.schema == home
        )


def add_constraint(schema: Schema, table_name: Name, constraint: Constraint) -> str:
    """Enter a constraint, with the index that comes with it, and tell its name."""
    table = known(schema, table_name)
    if constraint.index:
        table, constraint = _from_index(schema, table, constraint)
    if not constraint.name:
        used = _Used(schema, table, indexed=constraint.kind in _INDEXED)
        name = constraint_name(table.name.name, constraint, used)
        constraint = replace(constraint, name=name)
    if constraint.references is not None:
        other = schema.table(constraint.references)
        full = other.name if other else schema.full(constraint.references)
        referenced = constraint.referenced or (other.primary_key if other else ())
        constraint = replace(constraint, references=full, referenced=referenced)
        before = schema.referrers.get(full, ())
        if table.name not in before:
            schema.put(schema.referrers, full, (*before, table.name))
    columns = _made_not_null(table.columns, constraint)
    constraints = {**table.constraints, constraint.name: constraint}
    store(schema, replace(table, columns=columns, constraints=constraints))
    if constraint.kind in _INDEXED and not constraint.index:
        unique = constraint.kind is not Holds.EXCLUDE
        add_index(
            schema,
            Index(
                name=constraint.name,
                table=table.name,
                columns=constraint.columns,
                include=constraint.include,
                unique=unique,
                constraint=constraint.name,
            ),
        )
    return constraint.name


def _from_index(schema: Schema, table: Table, constraint: Constraint) -> tuple[Table, Constraint]:
    index = table.indexes.get(constraint.index)
    if index is None:
        return table, constraint
    name = constraint.name or index.name
    drop_index(schema, Name(table.name.schema, index.name))
    add_index(schema, replace(index, name=name, constraint=name))
    return known(schema, table.name), replace(constraint, name=name, columns=index.columns)


def _made_not_null(columns: Mapping[str, Column], constraint: Constraint) -> Mapping[str, Column]:
    proves = (Holds.PRIMARY_KEY, Holds.NOT_NULL)
    if constraint.kind not in proves or not constraint.valid:
        return columns
    changed = {
        name: replace(columns.get(name) or Column(name=name), not_null=True)
        for name in constraint.columns
    }
    return {**columns, **changed}


def add_index(schema: Schema, index: Index) -> str:
    """Enter an index of one table, and tell its name."""
    table = known(schema, index.table)
    if not index.name:
        used = _Used(schema, table, indexed=True)
        index = replace(index, name=index_name(table.name.name, index, used))
    if index.table != table.name:
        index = replace(index, table=table.name)
    store(schema, replace(table, indexes={**table.indexes, index.name: index}))
    schema.put(schema.index_owners, Name(table.name.schema, index.name), table.name)
    return index.name


def drop_index(schema: Schema, name: Name) -> None:
    """Forget an index."""
    if (table := schema.index_table(name)) is not None:
        forget_index(schema, table.name, name.name)


def forget_index(schema: Schema, owner: Name, name: str) -> None:
    """Forget an index of one table, with its shares; what is called so elsewhere stays."""
    table = known(schema, owner)
    indexes = {key: each for key, each in table.indexes.items() if key != name}
    store(schema, replace(table, indexes=indexes))
    if schema.index_owners.get(full := Name(owner.schema, name)) == owner:
        schema.remove(schema.index_owners, full)
    for child in table.children if table.partition_by else ():
        for part in [*known(schema, child).indexes.values()]:
            if part.part_of == name:
                forget_index(schema, child, part.name)


def drop(schema: Schema, name: Name, *, cascade: bool = False) -> None:
    """Forget a table and its partitions, and with it the foreign keys that refer to it.

    With CASCADE go the tables that inherit from it and the views that read it.
    """
    table = schema.table(name)
    sequences.drop_owned(schema, table.name if table else schema.full(name))
    if table is None:
        return
    for child in table.children if table.partition_by or cascade else ():
        drop(schema, child, cascade=cascade)
    if cascade:
        drop_readers(schema, table.name)
    for other in schema.referring(table):
        left = {
            key: each for key, each in other.constraints.items() if each.references != table.name
        }
        store(schema, replace(other, constraints=left))
    parent = schema.table(table.parent) if table.parent else None
    if parent is not None:
        left_children = tuple(each for each in parent.children if each != table.name)
        store(schema, replace(parent, children=left_children))
    for index in table.indexes:
        schema.remove(schema.index_owners, Name(table.name.schema, index))
    schema.remove(schema.tables, table.name)
    schema.remove(schema.referrers, table.name)
    schema.remove(schema.views, table.name)


def placed(schema: Schema, column: Column) -> Column:
    """A column whose type is found whatever the search path will be."""
    type_ = column.type
    if not schema.types or type_ is None or type_.schema or type_.built_in:
        return column
    found = schema.type(type_.named)
    if found is None or found.name.schema == "public":
        return column
    return replace(column, type=replace(type_, schema=found.name.schema))


def drop_readers(schema: Schema, name: Name, column: str = "*") -> None:
    """Forget the views that read a relation, or one column of it, and those that read them."""
    for view in schema.readers(name, column):
        schema.remove(schema.views, view.name)
        if view.name in schema.tables:
            drop(schema, view.name, cascade=True)
        else:
            drop_readers(schema, view.name)


def move_view(schema: Schema, old: Name, to: Name) -> None:
    """Give a view another name or schema, and tell the views that read it."""
    if (view := schema.views.get(old)) is not None:
        schema.remove(schema.views, old)
        schema.put(schema.views, to, replace(view, name=to))
        if old in schema.armed:
            schema.put(schema.armed, to, True)
        _read_anew(schema, old, to)


def move(schema: Schema, name: Name, to: Name) -> None:
    """Give a table another name or schema, and tell everybody who refers to it."""
    table = schema.table(name)
    if table is None:
        return
    old = table.name
    schema.put(schema.former, old, to)
    if old in schema.armed:
        schema.put(schema.armed, to, True)
    move_view(schema, old, to)
    indexes = {key: replace(each, table=to) for key, each in table.indexes.items()}
    if to in schema.tables:
        # The server refuses it; a table of that name below this one would be below itself.
        table = replace(table, children=())
    schema.remove(schema.tables, old)
    store(schema, replace(table, name=to, indexes=indexes))
    for index in indexes:
        schema.remove(schema.index_owners, Name(old.schema, index))
        schema.put(schema.index_owners, Name(to.schema, index), to)
    sequences.move_owned(schema, old, to)
    _refer_anew(schema, old, to)


def _refer_anew(schema: Schema, old: Name, to: Name) -> None:
    for referrer in dict.fromkeys(schema.referrers.get(old, ())):
        other = schema.tables.get(to if referrer == old else referrer)
        if other is not None:
            constraints = {
                key: replace(each, references=to) if each.references == old else each
                for key, each in other.constraints.items()
            }
            store(schema, replace(other, constraints=constraints))
    for each in (*schema.tables.values(),) if not {old, to}.isdisjoint(_relatives(schema)) else ():
        children = tuple(to if child == old else child for child in each.children)
        parent = to if each.parent == old else each.parent
        if (children, parent) != (each.children, each.parent):
            store(schema, replace(each, children=children, parent=parent))
    moved = {
        key: tuple(to if name == old else name for name in names)
        for key, names in schema.referrers.items()
        if old in names or key == old
    }
    for key, names in moved.items():
        schema.remove(schema.referrers, key)
        schema.put(schema.referrers, to if key == old else key, names)
    _read_anew(schema, old, to)


def _read_anew(schema: Schema, old: Name, to: Name) -> None:
    for view in (*schema.views.values(),):
        if old in view.relations:
            reads = frozenset((to if read == old else read, column) for read, column in view.reads)
            schema.put(schema.views, view.name, replace(view, reads=reads))


def _relatives(schema: Schema) -> set[Name]:
    related: set[Name] = set()
    for table in schema.tables.values():
        if table.parent is not None:
            related.update((table.name, table.parent))
    return related
