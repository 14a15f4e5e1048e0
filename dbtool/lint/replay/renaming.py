"""What gets another name, or stands in another schema, in the replayed catalog."""

from dbtool.lint import actions as act
from dbtool.lint.replay import columns, sequences, tables
from dbtool.lint.replay.moving import rename_schema
from dbtool.lint.schema import Name, Schema
from dbtool.lint.values import replace


def rename(schema: Schema, action: act.Rename) -> None:
    """RENAME of anything."""
    match action.kind:
        case "table" | "foreign table" | "materialized view" | "view" | "sequence":
            _rename_relation(schema, action)
        case "column":
            if schema.view(action.name) is None:
                columns.rename_column(schema, action.name, action.part, action.to)
        case "constraint":
            columns.rename_constraint(schema, action.name, action.part, action.to)
        case "policy" | "trigger" | "index":
            _rename_part(schema, action)
        case "type" | "domain":
            _rename_type(schema, action.name, action.to)
        case "enum value":
            _rename_label(schema, action)
        case "function" | "procedure":
            _rename_function(schema, action)
        case "schema":
            rename_schema(schema, action.name.name, action.to)


def _rename_relation(schema: Schema, action: act.Rename) -> None:
    if (table := schema.table(action.name)) is not None:
        tables.move(schema, table.name, Name(table.name.schema, action.to))
    elif (view := schema.view(action.name)) is not None:
        to = Name(view.name.schema, action.to)
        schema.remove(schema.views, view.name)
        schema.put(schema.views, to, replace(view, name=to))
    elif schema.index_table(action.name) is not None:
        columns.rename_index(schema, action.name, action.to)
    else:
        sequences.rename(schema, action.name, action.to)


def _rename_part(schema: Schema, action: act.Rename) -> None:
    if action.kind == "index":
        columns.rename_index(schema, action.name, action.to)
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
        to = Name(found.name.schema, action.to)
        schema.remove(schema.functions, found.name)
        schema.put(schema.functions, to, replace(found, name=to))


def _rename_type(schema: Schema, name: Name, new: str) -> None:
    found = schema.type(name)
    if found is None:
        return
    to = Name(found.name.schema, new)
    for table, column in [*schema.using(name)]:
        if column.type is not None:
            of = replace(column.type, name=new)
            changed = {**schema.tables[table.name].columns, column.name: replace(column, type=of)}
            tables.store(schema, replace(schema.tables[table.name], columns=changed))
    schema.remove(schema.types, found.name)
    schema.put(schema.types, to, replace(found, name=to))


def set_schema(schema: Schema, action: act.SetSchema) -> None:
    """ALTER … SET SCHEMA."""
    if action.kind == "sequence":
        sequences.set_schema(schema, action.name, action.schema)
        return
    stored = "table" in action.kind or action.kind == "materialized view"
    if (table := schema.table(action.name)) is not None and stored:
        to = Name(action.schema, table.name.name)
        if (view := schema.views.get(table.name)) is not None:
            schema.remove(schema.views, view.name)
            schema.put(schema.views, to, replace(view, name=to))
        tables.move(schema, table.name, to)
    elif stored:
        sequences.set_schema(schema, action.name, action.schema)
    elif (type_ := schema.type(action.name)) is not None:
        to = Name(action.schema, type_.name.name)
        schema.remove(schema.types, type_.name)
        schema.put(schema.types, to, replace(type_, name=to))
