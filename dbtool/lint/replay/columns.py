"""What statements about columns change in the replayed catalog."""

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.replay import parts, sequences
from dbtool.lint.replay.constraints import add_to, forget_keys
from dbtool.lint.replay.tables import (
    change_column,
    drop_index,
    drop_readers,
    known,
    placed,
    store,
)
from dbtool.lint.schema import (
    Column,
    Conditions,
    Name,
    Schema,
    Table,
    with_columns,
)
from dbtool.lint.values import replace


def add(schema: Schema, action: act.AddColumn) -> None:
    """ADD COLUMN."""
    table = known(schema, action.table)
    if passed_over(action, schema):
        return
    for each in schema.family(table):
        store(schema, with_columns(each, [placed(schema, action.column)]))
    sequences.number(schema, table.name, action.column.name, action.column.sequence)
    for constraint in action.constraints:
        add_to(schema, table, constraint)


def drop(schema: Schema, action: act.DropColumn) -> None:
    """DROP COLUMN, with the constraints and indexes that use it."""
    if action.cascade:
        table = known(schema, action.table)
        forget_keys(schema, table, {action.column})
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


def set_type(schema: Schema, action: act.AlterColumnType) -> None:
    """ALTER COLUMN … TYPE."""

    def change(column: Column) -> Column:
        changed = replace(column, type=action.type, collation=action.collation)
        return placed(schema, changed)

    change_column(schema, action.table, action.column, change)
    for whole in schema.family(known(schema, action.table)):
        if whole.partition_by:
            parts.make_anew(schema, whole.name, action.column)


def set_default(schema: Schema, action: act.SetDefault) -> None:
    """SET and DROP DEFAULT."""

    def change(column: Column) -> Column:
        return replace(column, default=action.default)

    change_column(schema, action.table, action.column, change, only=action.only)


def set_not_null(schema: Schema, action: act.SetNotNull) -> None:
    """SET NOT NULL."""
    change_column(schema, action.table, action.column, lambda c: replace(c, not_null=True))


def drop_not_null(schema: Schema, action: act.DropNotNull) -> None:
    """DROP NOT NULL."""
    change_column(schema, action.table, action.column, lambda c: replace(c, not_null=False))


def set_expression(schema: Schema, action: act.SetExpression) -> None:
    """SET and DROP EXPRESSION."""

    def change(column: Column) -> Column:
        kept = column.generated if action.expression is not None else ""
        return replace(column, default=action.expression, generated=kept)

    change_column(schema, action.table, action.column, change)


def change_identity(schema: Schema, action: act.ChangeIdentity) -> None:
    """ADD and DROP IDENTITY."""
    there = action.change != "drop"
    change_column(schema, action.table, action.column, lambda c: replace(c, identity=there))
    table = known(schema, action.table).name
    if not there:
        sequences.drop_owned(schema, table, action.column, numbering=True)
    sequences.number(schema, table, action.column, action.sequence)


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
