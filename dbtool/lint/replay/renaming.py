"""What gets another name, or stands in another schema, in the replayed catalog."""

from dbtool.lint import actions as act
from dbtool.lint.replay import columns, constraints, sequences, tables
from dbtool.lint.replay.moving import rename_schema
from dbtool.lint.schema import Function, Name, Schema, Type, UserType
from dbtool.lint.values import replace

_FUNCTIONS = ("function", "procedure", "routine")
_TYPES = ("type", "domain")


def rename(schema: Schema, action: act.Rename) -> None:
    """RENAME of anything."""
    match action.kind:
        case "table" | "foreign table" | "materialized view" | "view" | "sequence":
            _rename_relation(schema, action)
        case "column":
            if schema.view(action.name) is None:
                columns.rename_column(schema, action.name, action.part, action.to)
        case "constraint":
            constraints.rename(schema, action.name, action.part, action.to)
        case "policy" | "trigger" | "index":
            _rename_part(schema, action)
        case "type" | "domain":
            _rename_type(schema, action.name, action.to)
        case "enum value":
            _rename_label(schema, action)
        case "function" | "procedure" | "routine":
            _rename_function(schema, action)
        case "schema":
            rename_schema(schema, action.name.name, action.to)


def _rename_relation(schema: Schema, action: act.Rename) -> None:
    if sequences.of_temporary(schema, action.name):
        # Nobody notes what that is called, so that the next of the name may be another.
        schema.doubted = True
    elif (table := schema.table(action.name)) is not None:
        tables.move(schema, table.name, Name(table.name.schema, action.to))
    elif (view := schema.view(action.name)) is not None:
        tables.move_view(schema, view.name, Name(view.name.schema, action.to))
    elif schema.index_table(action.name) is not None:
        constraints.rename_index(schema, action.name, action.to)
    else:
        sequences.rename(schema, action.name, action.to)


def _rename_part(schema: Schema, action: act.Rename) -> None:
    if action.kind == "index":
        # ALTER INDEX takes other relations as well.
        _rename_relation(schema, action)
        return
    if (table := schema.table(action.name)) is None:
        return
    if action.kind == "policy" and action.part in table.policies:
        policies = {
            action.to if key == action.part else key: each for key, each in table.policies.items()
        }
        tables.store(schema, replace(table, policies=policies))
    elif action.kind == "trigger" and action.part in table.triggers:
        triggers = {
            action.to if key == action.part else key: each for key, each in table.triggers.items()
        }
        tables.store(schema, replace(table, triggers=triggers))


def _rename_label(schema: Schema, action: act.Rename) -> None:
    if (found := schema.type(action.name)) is not None:
        labels = tuple(action.to if each == action.part else each for each in found.labels)
        schema.put(schema.types, found.name, replace(found, labels=labels))


def _rename_function(schema: Schema, action: act.Rename) -> None:
    if (found := schema.function(action.name)) is not None:
        _move_function(schema, found, Name(found.name.schema, action.to))


def _move_function(schema: Schema, found: Function, to: Name) -> None:
    schema.remove(schema.functions, found.name)
    schema.put(schema.functions, to, replace(found, name=to))


def _rename_type(schema: Schema, name: Name, new: str) -> None:
    if (found := schema.type(name)) is not None:
        _move_type(schema, found, Name(found.name.schema, new))


def _move_type(schema: Schema, found: UserType, to: Name) -> None:
    """Give a type another name or schema, and the columns and domains that are of it."""

    def moved(type_: Type) -> Type:
        written = type_.schema if to.schema == found.name.schema else to.schema
        return replace(type_, name=to.name, schema=written)

    for table, column in [*schema.using(found.name)]:
        if column.type is not None:
            of = replace(column, type=moved(column.type))
            columns = {**schema.tables[table.name].columns, column.name: of}
            tables.store(schema, replace(schema.tables[table.name], columns=columns))
    for each in [*schema.types.values()]:
        if each.base is not None and schema.type(each.base.named) is found:
            schema.put(schema.types, each.name, replace(each, base=moved(each.base)))
    schema.remove(schema.types, found.name)
    schema.put(schema.types, to, replace(found, name=to))


def set_schema(schema: Schema, action: act.SetSchema) -> None:
    """ALTER … SET SCHEMA."""
    if action.kind == "sequence":
        sequences.set_schema(schema, action.name, action.schema)
        return
    relation = "table" in action.kind or "view" in action.kind
    if relation and (table := schema.table(action.name)) is not None:
        tables.move(schema, table.name, Name(action.schema, table.name.name))
    elif relation and (view := schema.view(action.name)) is not None:
        tables.move_view(schema, view.name, Name(action.schema, view.name.name))
    elif relation:
        sequences.set_schema(schema, action.name, action.schema)
    elif action.kind in _FUNCTIONS and (function := schema.function(action.name)) is not None:
        _move_function(schema, function, Name(action.schema, function.name.name))
    elif action.kind in _TYPES and (type_ := schema.type(action.name)) is not None:
        _move_type(schema, type_, Name(action.schema, type_.name.name))
