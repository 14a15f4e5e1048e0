"""What statements about columns and constraints change in the replayed catalog."""

from collections.abc import Callable

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.replay import parts, sequences
from dbtool.lint.replay.naming import named_not_null
from dbtool.lint.replay.tables import (
    add_constraint,
    drop_index,
    drop_readers,
    forget_index,
    known,
    placed,
    store,
)
from dbtool.lint.schema import (
    Column,
    Conditions,
    Constraint,
    Holds,
    Name,
    Schema,
    Table,
    with_columns,
)
from dbtool.lint.values import replace


def _change(
    schema: Schema,
    table: Name,
    name: str,
    change: Callable[[Column], Column],
    *,
    only: bool = False,
) -> None:
    whole = known(schema, table)
    for each in (whole,) if only else schema.family(whole):
        column = each.columns.get(name) or Column(name=name, not_null=None)
        store(schema, with_columns(each, [change(column)]))


def add(schema: Schema, action: act.AddColumn) -> None:
    """ADD COLUMN."""
    table = known(schema, action.table)
    if passed_over(action, schema):
        return
    for each in schema.family(table):
        store(schema, with_columns(each, [placed(schema, action.column)]))
    sequences.number(schema, table.name, action.column.name, action.column.sequence)
    for constraint in action.constraints:
        _add_to(schema, table, constraint)


def _add_to(schema: Schema, table: Table, constraint: Constraint) -> None:
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


def drop(schema: Schema, action: act.DropColumn) -> None:
    """DROP COLUMN, with the constraints and indexes that use it."""
    if action.cascade:
        table = known(schema, action.table)
        _forget_keys(schema, table, {action.column})
        drop_readers(schema, table.name, action.column)
        for made in [*table.columns.values()]:
            if made.generated and made.default and action.column in made.default.columns:
                drop(schema, act.DropColumn(table=table.name, column=made.name))
    for table in schema.family(known(schema, action.table)):
        for index in (*table.indexes.values(),):
            if index.uses(action.column):
                drop_index(schema, Name(table.name.schema, index.name))
        table = known(schema, table.name)
        sequences.drop_owned(schema, table.name, action.column)
        columns = {key: each for key, each in table.columns.items() if key != action.column}
        constraints = {
            key: each
            for key, each in table.constraints.items()
            if action.column not in each.columns
        }
        policies = {
            key: uses for key, uses in table.policies.items() if action.column not in uses.columns
        }
        triggers = {key: uses for key, uses in table.triggers.items() if action.column not in uses}
        # A child keeps the columns that it was given itself, which nobody noted.
        sure = table.complete and (table.parent is None or table.bound is not None)
        table = replace(table, policies=policies, triggers=triggers, complete=sure)
        store(schema, replace(table, columns=columns, constraints=constraints))


def _forget_keys(schema: Schema, table: Table, columns: set[str]) -> None:
    """Drop the foreign keys of other tables that need a key with one of the columns."""
    for other in schema.referring(table):
        left = {
            name: each
            for name, each in other.constraints.items()
            if each.references != table.name or not columns.intersection(each.referenced)
        }
        store(schema, replace(other, constraints=left))


def set_type(schema: Schema, action: act.AlterColumnType) -> None:
    """ALTER COLUMN … TYPE."""

    def change(column: Column) -> Column:
        changed = replace(column, type=action.type, collation=action.collation)
        return placed(schema, changed)

    _change(schema, action.table, action.column, change)
    for whole in schema.family(known(schema, action.table)):
        if whole.partition_by:
            parts.make_anew(schema, whole.name, action.column)


def set_default(schema: Schema, action: act.SetDefault) -> None:
    """SET and DROP DEFAULT."""

    def change(column: Column) -> Column:
        return replace(column, default=action.default)

    _change(schema, action.table, action.column, change, only=action.only)


def set_not_null(schema: Schema, action: act.SetNotNull) -> None:
    """SET NOT NULL."""
    _change(schema, action.table, action.column, lambda c: replace(c, not_null=True))


def drop_not_null(schema: Schema, action: act.DropNotNull) -> None:
    """DROP NOT NULL."""
    _change(schema, action.table, action.column, lambda c: replace(c, not_null=False))


def set_expression(schema: Schema, action: act.SetExpression) -> None:
    """SET and DROP EXPRESSION."""

    def change(column: Column) -> Column:
        kept = column.generated if action.expression is not None else ""
        return replace(column, default=action.expression, generated=kept)

    _change(schema, action.table, action.column, change)


def change_identity(schema: Schema, action: act.ChangeIdentity) -> None:
    """ADD and DROP IDENTITY."""
    there = action.change != "drop"
    _change(schema, action.table, action.column, lambda c: replace(c, identity=there))
    table = known(schema, action.table).name
    if not there:
        sequences.drop_owned(schema, table, action.column, numbering=True)
    sequences.number(schema, table, action.column, action.sequence)


def new_constraint(schema: Schema, action: act.AddConstraint) -> None:
    """ADD CONSTRAINT; checks and the like come to the partitions too."""
    table = known(schema, action.table)
    if not action.only:
        _add_to(schema, table, action.constraint)
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
                _change(schema, table.name, column, lambda c: replace(c, not_null=True))


def alter_constraint(schema: Schema, action: act.AlterConstraint) -> None:
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
                _change(schema, table.name, column, lambda c: replace(c, not_null=True))


def drop_constraint(schema: Schema, action: act.DropConstraint) -> None:
    """DROP CONSTRAINT, with the index that came with it."""
    whole = known(schema, action.table).constraints.get(action.constraint)
    for table in schema.family(known(schema, action.table)):
        found = table.constraints.get(action.constraint) or _part_of(table, whole)
        found = found or named_not_null(table, action.constraint)
        if found is None:
            continue
        if action.cascade and found.kind in (Holds.PRIMARY_KEY, Holds.UNIQUE):
            _forget_keys(schema, table, {*found.columns})
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


def rename_column(schema: Schema, table_name: Name, old: str, new: str) -> None:
    """RENAME COLUMN, also where constraints and indexes name it."""

    def named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    for table in schema.family(known(schema, table_name)):
        sequences.rename_column(schema, table.name, old, new)
        columns = {
            new if key == old else key: _with_renamed(each, old, new)
            for key, each in table.columns.items()
        }
        constraints = {
            key: replace(
                each,
                columns=named(each.columns),
                expression=each.expression and each.expression.renamed(old, new),
            )
            for key, each in table.constraints.items()
        }
        indexes = {
            key: replace(
                each,
                columns=named(each.columns),
                include=named(each.include),
                expressions=tuple(e.renamed(old, new) for e in each.expressions),
                predicate=each.predicate and each.predicate.renamed(old, new),
            )
            for key, each in table.indexes.items()
        }
        triggers = {key: named(each) for key, each in table.triggers.items()}
        policies = {
            key: Conditions(frozenset(named((*each.using,))), frozenset(named((*each.check,))))
            for key, each in table.policies.items()
        }
        renamed = replace(table, columns=columns, constraints=constraints, indexes=indexes)
        renamed = replace(renamed, triggers=triggers, policies=policies)
        store(schema, replace(renamed, partition_keys=named(table.partition_keys)))
        _rename_elsewhere(schema, table, old, new)


def _with_renamed(column: Column, old: str, new: str) -> Column:
    """A column beside one that got another name, or that one."""
    if column.generated and column.default is not None:
        column = replace(column, default=column.default.renamed(old, new))
    return replace(column, name=new) if column.name == old else column


def _rename_elsewhere(schema: Schema, table: Table, old: str, new: str) -> None:
    """The foreign keys that refer to a column, and the views that read it."""
    for other in schema.referring(table):
        constraints = {
            key: replace(each, referenced=tuple(new if n == old else n for n in each.referenced))
            if each.references == table.name
            else each
            for key, each in other.constraints.items()
        }
        store(schema, replace(other, constraints=constraints))
    before, after = (table.name, old), (table.name, new)
    for view in [*schema.views.values()]:
        if before in view.reads:
            reads = frozenset(after if each == before else each for each in view.reads)
            schema.put(schema.views, view.name, replace(view, reads=reads))


def rename_constraint(schema: Schema, table_name: Name, old: str, new: str) -> None:
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
