"""What DROP takes out of the replayed catalog, with all that hangs on it."""

from collections.abc import Iterable

from dbtool.lint import actions as act
from dbtool.lint.callers import (
    Called,
    Caller,
    ambiguous,
    callers,
    domains_calling,
    function_named,
    function_of,
    taken_with_extension,
    taken_with_function,
    views_calling,
)
from dbtool.lint.replay import columns, sequences, tables
from dbtool.lint.schema import Column, Name, Schema, Table, UserType
from dbtool.lint.values import replace


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
            _drop_extension(schema, action)
        case "function" | "procedure" | "routine":
            _drop_function(schema, action)
        case "trigger" | "policy":
            _drop_part(schema, action)
        case "sequence":
            sequences.drop(schema, action.name)
        case "schema":
            _drop_schema(schema, action.name.name)


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


def _drop_extension(schema: Schema, action: act.Drop) -> None:
    if action.cascade:
        _drop_callers(schema, taken_with_extension(schema, action.name.name))
        _drop_calling(schema, function_of(schema, action.name.name))


def _drop_function(schema: Schema, action: act.Drop) -> None:
    if action.cascade and ambiguous(schema, action.name):
        _prove_nothing(schema)
    elif action.cascade:
        _drop_callers(schema, taken_with_function(schema, action.name))
        _drop_calling(schema, function_named(schema, action.name))
    if action.cascade:
        # Nobody noted which rules and other functions go with it.
        schema.doubted = True
    if (found := schema.function(action.name)) is not None:
        schema.remove(schema.functions, found.name)


def _prove_nothing(schema: Schema) -> None:
    """A check that calls any function may be gone."""
    for each in [*callers(schema, lambda _: True)]:
        table = schema.tables[each.table.name]
        check = table.constraints.get(each.name) if each.kind == "constraint" else None
        if check is not None and check.valid:
            open_ = replace(check, valid=False)
            constraints = {**table.constraints, each.name: open_}
            tables.store(schema, replace(table, constraints=constraints))


def _drop_callers(schema: Schema, found: Iterable[Caller]) -> None:
    """Forget the parts of tables that go with what they call."""
    for each in found:
        table, name = each.table.name, each.name
        match each.kind:
            case "default":
                columns.set_default(schema, act.SetDefault(table=table, column=name, only=True))
            case "column":
                columns.drop(schema, act.DropColumn(table=table, column=name, cascade=True))
            case "constraint":
                dropped = act.DropConstraint(table=table, constraint=name, cascade=True)
                columns.drop_constraint(schema, dropped)
            case "index":
                tables.drop_index(schema, Name(table.schema, name))
            case "trigger" | "policy":
                _drop_part(schema, act.Drop(kind=each.kind, name=table, part=name))


def _drop_calling(schema: Schema, called: Called) -> None:
    """Forget the views and the checks of domains that call what goes."""
    for name in views_calling(schema, called):
        tables.drop_readers(schema, name)
        schema.remove(schema.views, name)
        if name in schema.tables:
            tables.drop(schema, name, cascade=True)
    for domain, check in domains_calling(schema, called):
        left = tuple(each for each in schema.types[domain.name].checks if each.name != check)
        schema.put(schema.types, domain.name, replace(schema.types[domain.name], checks=left))


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
