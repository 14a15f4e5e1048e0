"""What statements about constraints change in the replayed catalog."""

from collections.abc import Callable

from dbtool.lint import actions as act
from dbtool.lint.replay import parts
from dbtool.lint.replay.naming import named_not_null
from dbtool.lint.replay.tables import (
    add_constraint,
    change_column,
    forget_index,
    known,
    store,
)
from dbtool.lint.schema import (
    Constraint,
    Holds,
    Name,
    Schema,
    Table,
    with_columns,
)
from dbtool.lint.values import replace


def add(schema: Schema, action: act.AddConstraint) -> None:
    """ADD CONSTRAINT; checks and the like come to the partitions too."""
    table = known(schema, action.table)
    if not action.only:
        add_to(schema, table, action.constraint)
        return
    name = add_constraint(schema, table.name, action.constraint)
    table = known(schema, table.name)
    if table.children and name in table.indexes:
        # The shares of the partitions are attached to it one by one.
        open_ = replace(table.indexes[name], valid=False)
        store(schema, replace(table, indexes={**table.indexes, name: open_}))


def _constraint(
    schema: Schema, table: Name, name: str, change: Callable[[Constraint], Constraint]
) -> None:
    for each in schema.family(known(schema, table)):
        found = each.constraints.get(name)
        if found is not None:
            store(schema, replace(each, constraints={**each.constraints, name: change(found)}))


def validate(schema: Schema, action: act.ValidateConstraint) -> None:
    """VALIDATE CONSTRAINT."""
    _constraint(
        schema, action.table, action.constraint, lambda c: replace(c, valid=True, enforced=True)
    )
    for table in schema.family(known(schema, action.table)):
        found = table.constraints.get(action.constraint)
        if found is not None and found.kind is Holds.NOT_NULL:
            for column in found.columns:
                change_column(schema, table.name, column, lambda c: replace(c, not_null=True))


def alter(schema: Schema, action: act.AlterConstraint) -> None:
    """ALTER CONSTRAINT: what is enforced again, or by children too, is proven for every row."""
    if (enforced := action.enforced) is not None:
        _constraint(
            schema,
            action.table,
            action.constraint,
            lambda c: replace(c, valid=enforced, enforced=enforced),
        )
    if action.inherited is not None:
        whole = known(schema, action.table)
        found = whole.constraints.get(action.constraint)
        columns = found.columns if found is not None and action.inherited else ()
        for table in schema.family(whole) if columns else ():
            for column in columns:
                change_column(schema, table.name, column, lambda c: replace(c, not_null=True))


def drop(schema: Schema, action: act.DropConstraint) -> None:
    """DROP CONSTRAINT, with the index that came with it."""
    whole = known(schema, action.table).constraints.get(action.constraint)
    for table in schema.family(known(schema, action.table)):
        found = table.constraints.get(action.constraint) or _part_of(table, whole)
        found = found or named_not_null(table, action.constraint)
        if found is None:
            continue
        if action.cascade and found.kind in (Holds.PRIMARY_KEY, Holds.UNIQUE):
            forget_keys(schema, table, {*found.columns})
        index = table.indexes.get(found.name)
        if index is not None and index.constraint == found.name:
            forget_index(schema, table.name, index.name)
        table = known(schema, table.name)
        left = {key: each for key, each in table.constraints.items() if each is not found}
        store(schema, _nullable_again(replace(table, constraints=left), found))


def _part_of(table: Table, whole: Constraint | None) -> Constraint | None:
    """The key of a partition that belongs to the one of the whole table."""
    if whole is None or whole.kind not in (Holds.PRIMARY_KEY, Holds.UNIQUE):
        return None
    same = (each for each in table.having(whole.kind) if each.columns == whole.columns)
    return next(same, None)


def _nullable_again(table: Table, dropped: Constraint) -> Table:
    if dropped.kind is not Holds.NOT_NULL:
        return table
    names = [name for name in dropped.columns if name in table.columns]
    return with_columns(table, [replace(table.columns[name], not_null=False) for name in names])


def add_to(schema: Schema, table: Table, constraint: Constraint) -> None:
    """Enter a constraint; what partitions and children get of it has the name it got here."""
    name = add_constraint(schema, table.name, constraint)
    table = known(schema, table.name)
    given = table.constraints[name]
    if given.kind in (Holds.CHECK, Holds.NOT_NULL):
        for each in schema.family(table)[1:] if not given.no_inherit else ():
            add_constraint(schema, each.name, given)
    elif table.partition_by:
        for child in table.children:
            parts.give_constraint(schema, child, given)


def forget_keys(schema: Schema, table: Table, columns: set[str]) -> None:
    """Drop the foreign keys of other tables that need a key with one of the columns."""
    for other in schema.referring(table):
        left = {
            name: each
            for name, each in other.constraints.items()
            if each.references != table.name or not columns.intersection(each.referenced)
        }
        store(schema, replace(other, constraints=left))


def rename(schema: Schema, table_name: Name, old: str, new: str) -> None:
    """RENAME CONSTRAINT, with its index."""
    for name in [each.name for each in schema.family(known(schema, table_name))]:
        table = known(schema, name)
        constraints = {
            new if key == old else key: replace(each, name=new) if key == old else each
            for key, each in table.constraints.items()
        }
        unnamed = named_not_null(table, old)
        if old not in table.constraints and unnamed is not None:
            constraints[new] = replace(unnamed, name=new)
        store(schema, replace(table, constraints=constraints))
        if old in table.indexes and table.indexes[old].constraint == old:
            rename_index(schema, Name(table.name.schema, old), new)


def rename_index(schema: Schema, name: Name, new: str) -> None:
    """ALTER INDEX … RENAME, with the constraint it came with."""
    table = schema.index_table(name)
    if table is None or name.name not in table.indexes:
        return
    index = table.indexes[name.name]
    renamed = replace(index, name=new, constraint=new if index.constraint else "")
    indexes = {key: each for key, each in table.indexes.items() if key != name.name}
    constraints = {
        new if key == index.constraint else key: replace(each, name=new)
        if key == index.constraint
        else each
        for key, each in table.constraints.items()
    }
    store(schema, replace(table, constraints=constraints, indexes={**indexes, new: renamed}))
    schema.remove(schema.index_owners, Name(table.name.schema, name.name))
    schema.put(schema.index_owners, Name(table.name.schema, new), table.name)
    parts.rename_shares(schema, table, name.name, new)
