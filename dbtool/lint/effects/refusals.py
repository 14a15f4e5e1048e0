"""Errors that the server ends a change with because of how tables are defined."""

from collections.abc import Callable, Iterator
from typing import Any

from dbtool.lint import actions as act
from dbtool.lint.already import taken
from dbtool.lint.effect import Cause, Task
from dbtool.lint.effects import existing
from dbtool.lint.effects.bounds import ordered, overlapping
from dbtool.lint.effects.casts import base
from dbtool.lint.effects.existing import fail
from dbtool.lint.effects.keys import INTEGERS, keys
from dbtool.lint.effects.making import State
from dbtool.lint.expression import Form
from dbtool.lint.schema import Bound, Column, Constraint, Holds, Name, Table, Type

_KEYS = (Holds.PRIMARY_KEY, Holds.UNIQUE)


def refusals(action: act.Action, state: State) -> tuple[Task, ...]:
    """The errors that follow from what is there."""
    judge = _REFUSALS.get(type(action))
    return tuple(judge(action, state)) if judge is not None else ()


def _add_column(action: act.AddColumn, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    if action.only and table.children and action.column.name not in table.columns:
        why = f"a column of {table.name.name} comes to its partitions and children too"
        yield fail("42P16", table.name, why)
    yield from _label(table.name, action.column, state)
    columns = {action.column.name: action.column}
    yield from keys(table.name, columns, action.constraints, state)


def _label(table: Name, column: Column, state: State) -> Iterator[Task]:
    """A default that the enum does not have."""
    found = state.schema.type(column.type.named) if column.type else None
    default = column.default
    while default is not None and default.form is Form.CAST:
        default = default.parts[0]
    if found is None or found.kind != "enum" or default is None or column.type is None:
        return
    if default.form is not Form.CONSTANT or default.word[:1] != "'" or column.type.array:
        return
    if default.word[1:-1].replace("''", "'") not in found.labels:
        yield fail("22P02", table, f"{found.name} has no label {default.word}", Cause.MISSING)


def _set_default(action: act.SetDefault, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    column = table.columns.get(action.column)
    if column is None:
        return
    if column.identity or column.generated:
        kind = "an identity" if column.identity else "a generated"
        yield fail("42601", table.name, f"{column.name} is {kind} column")
    elif action.default is not None:
        with_default = Column(name=column.name, type=column.type, default=action.default)
        yield from _label(table.name, with_default, state)


def _drop_not_null(action: act.DropNotNull, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    column = table.columns.get(action.column)
    above = state.schema.table(table.parent) if table.parent else None
    if column is not None and column.identity:
        yield fail("42601", table.name, f"{column.name} is an identity column")
    elif action.column in table.primary_key:
        yield fail("42P16", table.name, f"{action.column} is in the primary key")
    elif above and table.bound and _not_null(above, action.column):
        yield fail("42P16", table.name, f"{action.column} is NOT NULL in {above.name.name}")


def _not_null(table: Table, column: str) -> bool:
    found = table.columns.get(column)
    return found is not None and bool(found.not_null)


def _inherited(table: Table, column: str, state: State) -> Table | None:
    """The table a column of a child came from; partitions are judged elsewhere."""
    above = state.schema.table(table.parent) if table.parent and not table.bound else None
    return above if above is not None and column in above.columns else None


def _set_type(action: act.AlterColumnType, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    column = table.columns.get(action.column)
    if column is None:
        return
    if column.identity and base(action.type, state.schema)[0].name not in INTEGERS:
        yield fail("22023", table.name, f"{column.name} is an identity column: integers only")
    if above := _inherited(table, action.column, state):
        yield fail("42P16", table.name, f"{column.name} is inherited from {above.name.name}")
    if action.only and table.children:
        why = f"the type of {column.name} changes in partitions and children too, or nowhere"
        yield fail("42P16", table.name, why)
    for policy, conditions in table.policies.items():
        if action.column in conditions.columns:
            why = f"policy {policy} uses the column"
            yield fail("0A000", table.name, why, Cause.TYPE_USED)
    changed = {**table.columns, column.name: Column(name=column.name, type=action.type)}
    mine = [key for key in table.foreign_keys if action.column in key.columns]
    yield from keys(table.name, changed, mine, state)


def _rename(action: act.Rename, state: State) -> Iterator[Task]:
    table = state.schema.table(action.name) if action.kind == "column" else None
    above = state.schema.table(table.parent) if table is not None and table.parent else None
    if table is not None and above is not None and action.part in above.columns:
        yield fail("42P16", table.name, f"{action.part} is inherited from {above.name.name}")
    yield from existing.rename(action, state)


def _drop_column(action: act.DropColumn, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    if action.column in table.columns and (above := _inherited(table, action.column, state)):
        yield fail("42P16", table.name, f"{action.column} is inherited from {above.name.name}")
    for policy, conditions in table.policies.items() if not action.cascade else ():
        if action.column in conditions.columns:
            why = f"policy {policy} uses the column"
            yield fail("2BP01", table.name, why, Cause.DEPENDENT)


def _identity(action: act.ChangeIdentity, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    column = table.columns.get(action.column)
    if action.change != "add" or column is None or column.type is None:
        return
    if column.type.array or base(column.type, state.schema)[0].name not in INTEGERS:
        yield fail("22023", table.name, f"{column.name} is {column.type}: integers only")
    elif column.identity or (column.default is not None and column.default.form is not Form.NULL):
        what = "an identity" if column.identity else "a default"
        yield fail("55000", table.name, f"{column.name} has {what} already", Cause.EXISTS)


def _add_constraint(action: act.AddConstraint, state: State) -> Iterator[Task]:
    table = state.table(action.table)
    constraint = action.constraint
    if constraint.kind is Holds.PRIMARY_KEY and table.primary_key:
        yield fail("42P16", table.name, f"{table.name.name} has a primary key already")
    alone = action.only and not constraint.no_inherit
    if constraint.kind is Holds.CHECK and alone and table.children:
        why = f"a check of {table.name.name} comes to its partitions and children too"
        yield fail("42P16", table.name, why)
    index = table.indexes.get(constraint.index)
    if index and any("DESC" in each or "NULLS FIRST" in each for each in index.options):
        yield fail("42809", table.name, f"index {index.name} has an order of its own")
    for each in (table,) if action.only else state.schema.family(table):
        yield from _partition_key(each, constraint)
    yield from keys(table.name, table.columns, (constraint,), state)


def _partition_key(table: Table, constraint: Constraint) -> Iterator[Task]:
    if table.partition_by and constraint.kind in _KEYS and not constraint.index:
        yield from _lacking(table, constraint.columns, constraint.kind.value)


def _lacking(table: Table, columns: tuple[str, ...], what: str) -> Iterator[Task]:
    """What is unique in the whole table has to have all columns of the partition key."""
    absent = [each for each in table.partition_keys if each not in columns]
    if absent:
        why = f"a {what} of {table.name.name} needs the partition key {absent[0]}".rstrip()
        yield fail("0A000", table.name, why)


def _create_index(action: act.CreateIndex, state: State) -> Iterator[Task]:
    yield from existing.create_index(action, state)
    table = state.table(action.table)
    if action.index.unique and not action.concurrently:
        for each in (table,) if action.only else state.schema.family(table):
            yield from _lacking(each, action.index.columns, "unique index")


def _create_table(action: act.CreateTable, state: State) -> Iterator[Task]:
    name = state.schema.full(action.table)
    if name in state.schema.tables:
        return
    if taken(state.schema, name):
        yield fail("42P07", name, f"{name} exists", Cause.EXISTS)
    yield from _unrelated(action, state)
    made = Table(name=name, partition_by=action.partition_by, partition_keys=action.partition_keys)
    columns = {each.name: each for each in action.columns}
    for column in action.columns:
        yield from _label(name, column, state)
    for constraint in action.constraints:
        yield from _partition_key(made, constraint)
    if not action.likes and not action.inherits and not action.partition_of:
        yield from keys(name, columns, action.constraints, state)
    if action.partition_of is not None and action.bound is not None:
        yield from _overlap(state.table(action.partition_of), action.bound, state)


def _create_as(action: act.CreateTableAs, state: State) -> Iterator[Task]:
    name = state.schema.full(action.table)
    if action.persistence != "temporary" and taken(state.schema, name):
        yield fail("42P07", name, f"{name} exists", Cause.EXISTS)


def related(action: act.Action) -> tuple[Name, ...]:
    """The tables that one is to be a part or child of, or is to have as one."""
    match action:
        case act.AttachPartition(partition=other) | act.DetachPartition(partition=other):
            return (other,)
        case act.Inherit(parent=other):
            return (other,)
        case act.CreateTable(partition_of=whole, inherits=parents):
            return parents if whole is None else (whole,)
    return ()


def _unrelated(action: act.Action, state: State) -> Iterator[Task]:
    for name in related(action) if state.schema.complete else ():
        if state.schema.table(name) is None:
            why = f"relation {name} does not exist"
            yield fail("42P01", state.schema.full(name), why, Cause.MISSING)


def _attach(action: act.AttachPartition, state: State) -> Iterator[Task]:
    yield from _unrelated(action, state)
    whole, part = state.table(action.table), state.table(action.partition)
    yield from _circular(whole, part, state)
    if part.parent is not None and part.bound is not None:
        yield fail("42809", part.name, f"{part.name.name} is a partition already", Cause.EXISTS)
    elif whole.complete and part.complete:
        yield from _unlike(whole, part, state)
    yield from _overlap(whole, action.bound, state)


def _circular(whole: Table, part: Table, state: State) -> Iterator[Task]:
    if state.schema.within(whole.name, part.name):
        yield fail("42P07", part.name, f"{whole.name.name} is {part.name.name} or below it")


def _unlike(whole: Table, part: Table, state: State) -> Iterator[Task]:
    for column in whole.columns.values():
        own = part.columns.get(column.name)
        if own is None or not _same_type(own.type, column.type, state):
            what = "lacks column" if own is None else "has another type of column"
            yield fail("42804", part.name, f"{part.name.name} {what} {column.name}")
            return


def _same_type(own: Type | None, other: Type | None, state: State) -> bool:
    """Whether two types are one, with and without the schema written."""
    if own is None or other is None or own == other:
        return True
    found = state.schema.type(own.named)
    same = found is not None and found is state.schema.type(other.named)
    return same and (own.modifiers, own.array) == (other.modifiers, other.array)


def _inherit(action: act.Inherit, state: State) -> Iterator[Task]:
    yield from _unrelated(action, state)
    whole, part = state.table(action.parent), state.table(action.table)
    if not action.drop:
        yield from _circular(whole, part, state)
    if not action.drop and whole.complete and part.complete:
        yield from _unlike(whole, part, state)


def _overlap(whole: Table, bound: Bound, state: State) -> Iterator[Task]:
    comparable = all(ordered(whole, key) for key in whole.partition_keys)
    for name in whole.children:
        other = state.schema.table(name)
        if other is None or other.bound is None:
            continue
        if overlapping(bound, other.bound, comparable=comparable):
            yield fail("42P17", whole.name, f"its rows would belong to {name.name} as well")
            return


def _attribute(action: act.AlterType, state: State) -> Iterator[Task]:
    if action.change != "AlterColumnType":
        return
    for table, column in state.schema.using(action.name):
        why = f"column {column.name} of {table.name.name} is of that type"
        yield fail("0A000", table.name, why)
        return


def _alter(action: act.AlterTable, state: State) -> Iterator[Task]:
    if action.change in ("enable trigger", "disable trigger") and action.subject:
        yield from existing.trigger_missing(action.table, action.subject, state)


# Each function takes the action it stands beside: one type per entry, which no type can say.
_REFUSALS: dict[type, Callable[[Any, State], Iterator[Task]]] = {
    act.AddColumn: _add_column,
    act.SetDefault: _set_default,
    act.DropNotNull: _drop_not_null,
    act.AlterColumnType: _set_type,
    act.DropColumn: _drop_column,
    act.ChangeIdentity: _identity,
    act.AddConstraint: _add_constraint,
    act.CreateIndex: _create_index,
    act.CreateTable: _create_table,
    act.CreateTableAs: _create_as,
    act.AttachPartition: _attach,
    act.DetachPartition: _unrelated,
    act.Inherit: _inherit,
    act.Policy: existing.policy,
    act.AlterType: _attribute,
    act.AlterTable: _alter,
    act.CreateView: existing.create_view,
    act.CreateSequence: existing.create_sequence,
    act.CreateType: existing.create_type,
    act.CreateTrigger: existing.create_trigger,
    act.AddEnumValue: existing.add_label,
    act.Rename: _rename,
    act.Drop: existing.drop,
    act.DropIndex: existing.drop_index,
}
