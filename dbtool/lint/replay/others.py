"""What statements about anything but tables change in the replayed catalog."""

from collections.abc import Iterable
from typing import TypeVar

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over, view_name
from dbtool.lint.replay import columns, parts, sequences, tables
from dbtool.lint.replay.naming import domain_checks
from dbtool.lint.replay.running import ANY, arm, changes, of_extension
from dbtool.lint.schema import (
    USUAL_TABLESPACE,
    Column,
    Conditions,
    Function,
    Holds,
    Name,
    Schema,
    Table,
    UserType,
    View,
)
from dbtool.lint.values import replace

Known = TypeVar("Known", UserType, View, Function)


def create_type(schema: Schema, action: act.CreateType) -> None:
    """CREATE TYPE and CREATE DOMAIN."""
    name = schema.full(action.name)
    over = schema.type(action.base.named) if action.base else None
    checks = tuple(each for each in action.constraints if each.kind is Holds.CHECK)
    schema.put(
        schema.types,
        name,
        UserType(
            name=name,
            kind=action.kind,
            labels=action.labels,
            base=action.base,
            checks=(*(over.checks if over else ()), *domain_checks(name.name, checks)),
            not_null=any(each.kind is Holds.NOT_NULL for each in action.constraints)
            or bool(over and over.not_null),
            default=action.default or (over.default if over else None),
            new=schema.judging,
        ),
    )


def add_enum_value(schema: Schema, action: act.AddEnumValue) -> None:
    """ALTER TYPE … ADD VALUE."""
    found = schema.type(action.type)
    if found is not None and action.label not in found.labels:
        schema.put(schema.types, found.name, replace(found, labels=(*found.labels, action.label)))


def alter_domain(schema: Schema, action: act.AlterDomain) -> None:
    """ALTER DOMAIN."""
    found = schema.type(action.name)
    if found is None:
        return
    match action.change:
        case "add constraint" if action.constraint is not None:
            if action.constraint.kind is Holds.NOT_NULL:
                found = replace(found, not_null=True)
            else:
                taken = [each.name for each in found.checks]
                added = domain_checks(found.name.name, (action.constraint,), taken)
                found = replace(found, checks=(*found.checks, *added))
        case "drop constraint":
            left = tuple(each for each in found.checks if each.name != action.subject)
            required = found.not_null and action.subject != f"{found.name.name}_not_null"
            found = replace(found, checks=left, not_null=required)
        case "set not null" | "drop not null":
            found = replace(found, not_null=action.change == "set not null")
    schema.put(schema.types, found.name, found)


def drop(schema: Schema, action: act.Drop) -> None:
    """DROP of anything but an index."""
    match action.kind:
        case "table" | "foreign table" | "materialized view":
            tables.drop(schema, action.name, cascade=action.cascade)
        case "view" if (view := schema.view(action.name)) is not None:
            schema.remove(schema.views, view.name)
            if action.cascade:
                tables.drop_readers(schema, view.name)
        case "type" | "domain":
            _drop_typed(schema, action, schema.using(action.name, derived=True))
            _forget_type(schema, schema.type(action.name))
        case "extension":
            _drop_typed(schema, action, schema.typed_by(action.name.name))
        case "function" | "procedure" | "routine":
            # Nobody noted which triggers, views and defaults go with it.
            schema.doubted |= action.cascade
            _forget(schema, schema.functions, schema.function(action.name))
        case "trigger" | "policy":
            _drop_part(schema, action)
        case "sequence":
            sequences.drop(schema, action.name)
        case "schema":
            _drop_schema(schema, action.name.name)


def _forget(schema: Schema, among: dict[Name, Known], found: Known | None) -> None:
    if found is not None:
        schema.remove(among, found.name)


def _forget_type(schema: Schema, found: UserType | None) -> None:
    """With a type go the domains that stand on it."""
    if found is None:
        return
    over = [
        each
        for each in schema.types.values()
        if each.base is not None and schema.type(each.base.named) is found
    ]
    schema.remove(schema.types, found.name)
    for each in over:
        _forget_type(schema, each)


def _drop_typed(schema: Schema, action: act.Drop, found: Iterable[tuple[Table, Column]]) -> None:
    """With its types an extension or a type takes the columns that have them."""
    for table, column in [*found] if action.cascade else ():
        columns.drop(schema, act.DropColumn(table=table.name, column=column.name, cascade=True))


def _drop_part(schema: Schema, action: act.Drop) -> None:
    if (table := schema.table(action.name)) is not None:
        triggers, policies = {**table.triggers}, {**table.policies}
        (triggers if action.kind == "trigger" else policies).pop(action.part, None)
        tables.store(schema, replace(table, triggers=triggers, policies=policies))


def _drop_schema(schema: Schema, name: str) -> None:
    for view in [each for each in schema.views if each.schema == name]:
        schema.remove(schema.views, view)
        tables.drop_readers(schema, view)
    for table in [each for each in schema.tables if each.schema == name]:
        tables.drop(schema, table, cascade=True)
    for type_ in [each for each in schema.types if each.schema == name]:
        gone = act.Drop(kind="type", name=type_, cascade=True)
        _drop_typed(schema, gone, schema.using(type_, derived=True))
        _forget_type(schema, schema.types.get(type_))
    for function in [each for each in schema.functions if each.schema == name]:
        schema.remove(schema.functions, function)
    for sequence in [each for each in schema.sequences if each.schema == name]:
        schema.remove(schema.sequences, sequence)


def drop_index(schema: Schema, action: act.DropIndex) -> None:
    """DROP INDEX."""
    tables.drop_index(schema, action.index)


def create_index(schema: Schema, action: act.CreateIndex) -> None:
    """CREATE INDEX."""
    table = tables.known(schema, action.table)
    if passed_over(action, schema):
        return
    index = action.index
    if action.only and table.partition_by:
        tables.add_index(schema, replace(index, valid=not table.children))
    else:
        name = tables.add_index(schema, index)
        whole = tables.known(schema, table.name)
        for child in whole.children if whole.partition_by else ():
            parts.give_index(schema, child, whole.indexes[name])


def create_view(schema: Schema, action: act.CreateView) -> None:
    """CREATE VIEW."""
    name = schema.full(view_name(schema, action))
    reads = tables.resolved(schema, action.reads)
    schema.put(schema.views, name, View(name=name, reads=reads))


def create_function(schema: Schema, action: act.CreateFunction) -> None:
    """CREATE FUNCTION; among overloads the most volatile counts."""
    name = schema.full(action.function)
    before = schema.function(action.function)
    made = Function(
        name=name,
        volatility=action.volatility,
        inlined=action.inlined,
        changes=action.changes or (before is not None and before.changes),
        calls=action.calls | (before.calls if before is not None else frozenset()),
    )
    if before is not None and action.replace and not changes(schema, before):
        # A trigger, a default or a view may run it already.
        schema.put(schema.functions, name, made)
        if changes(schema, made):
            arm(schema, ANY)
    if before is not None and not action.replace and before.volatility == "volatile":
        made = before if before.inlined is None else replace(made, volatility="volatile")
    schema.put(schema.functions, name, made)


def alter_function(schema: Schema, action: act.AlterFunction) -> None:
    """ALTER FUNCTION … VOLATILE, STABLE or IMMUTABLE."""
    found = schema.function(action.function)
    if found is not None:
        changed = replace(
            found,
            volatility=action.volatility or found.volatility,
            inlined=found.inlined if action.stays_inlined else None,
        )
        schema.put(schema.functions, found.name, changed)


def run_block(schema: Schema, action: act.DoBlock) -> None:
    """DO: what it may have done, and what nobody can read of it, leaves room for doubt."""
    if action.hidden:
        schema.complete = False
    if action.hidden or action.maybe:
        schema.doubted = True


_OF_ANY = frozenset({"call", "drop_owned", "import_foreign_schema", "execute"})


def call(schema: Schema, action: act.Select) -> None:
    """A query whose functions may create or drop anything leaves room for doubt."""
    for each in action.functions:
        home, _, name = each.rpartition(".")
        known = schema.function(Name(home, name))
        schema.doubted |= changes(schema, known) if known is not None else of_extension(name)


def transaction(schema: Schema, action: act.Transaction) -> None:
    """ROLLBACK: nobody notes what it takes back."""
    schema.doubted |= action.command.startswith("rollback")


def other(schema: Schema, action: act.Other) -> None:
    """Statements that may create or drop anything."""
    schema.doubted |= action.kind in _OF_ANY


def create_trigger(schema: Schema, action: act.CreateTrigger) -> None:
    """CREATE TRIGGER."""
    table = tables.known(schema, action.table)
    tables.store(schema, replace(table, triggers={**table.triggers, action.name: action.columns}))


def policy(schema: Schema, action: act.Policy) -> None:
    """CREATE and ALTER POLICY."""
    table = tables.known(schema, action.table)
    conditions = table.policies.get(action.name, Conditions())
    if action.using is not None:
        conditions = replace(conditions, using=action.using)
    if action.check is not None:
        conditions = replace(conditions, check=action.check)
    tables.store(schema, replace(table, policies={**table.policies, action.name: conditions}))


def inherit(schema: Schema, action: act.Inherit) -> None:
    """INHERIT and NO INHERIT."""
    parent, child = tables.known(schema, action.parent), tables.known(schema, action.table)
    if schema.within(parent.name, child.name):
        return
    left = tuple(each for each in parent.children if each != child.name)
    added = () if action.drop else (child.name,)
    tables.store(schema, replace(parent, children=(*left, *added)))
    tables.store(schema, replace(child, parent=None if action.drop else parent.name))


def attach(schema: Schema, action: act.AttachPartition) -> None:
    """ATTACH PARTITION."""
    parent, child = tables.known(schema, action.table), tables.known(schema, action.partition)
    if schema.within(parent.name, child.name):
        return
    tables.store(schema, replace(child, parent=parent.name, bound=action.bound))
    parent = replace(parent, children=(*parent.children, child.name))
    tables.store(schema, parent)
    parts.join(schema, child.name, parent)


def detach(schema: Schema, action: act.DetachPartition) -> None:
    """DETACH PARTITION."""
    parent, child = tables.known(schema, action.table), tables.known(schema, action.partition)
    left = tuple(each for each in parent.children if each != child.name)
    tables.store(schema, replace(parent, children=left))
    parts.leave(schema, child)


def attach_index(schema: Schema, action: act.AttachIndex) -> None:
    """ALTER INDEX … ATTACH PARTITION; the last one makes the parent's index valid."""
    table = schema.index_table(action.index)
    if table is None or action.index.name not in table.indexes:
        return
    child = schema.index_table(action.partition)
    if child is not None and (part := child.indexes.get(action.partition.name)) is not None:
        part = replace(part, part_of=action.index.name)
        tables.store(schema, replace(child, indexes={**child.indexes, part.name: part}))
    parts.settle(schema, table, action.index.name)


def set_variable(schema: Schema, action: act.SetVariable) -> None:
    """SET search_path."""
    if action.name == "search_path":
        names = (part.strip().strip('"') for part in action.value.split(","))
        path = tuple(name for name in names if name and name != "$user")
        schema.search_path = path or ("public",) if action.value else ()


def alter_table(schema: Schema, action: act.AlterTable) -> None:
    """Other ALTER TABLE commands; SET LOGGED, UNLOGGED and TABLESPACE are remembered."""
    if action.change not in ("set logged", "set unlogged", "set tablespace"):
        return
    if schema.complete and schema.table(action.table) is None:
        return
    table = tables.known(schema, action.table)
    if action.change == "set tablespace":
        place = "" if action.subject == USUAL_TABLESPACE else action.subject
        tables.store(schema, replace(table, tablespace=place))
    else:
        logged = action.change == "set logged"
        kept = replace(table, persistence="permanent" if logged else "unlogged")
        tables.store(schema, kept)
