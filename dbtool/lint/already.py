"""Whether what a statement would create is there already, so that IF NOT EXISTS passes over it."""

from dbtool.lint import actions as act
from dbtool.lint.schema import TEMPORARY, Name, Schema


def passed_over(action: act.Action, schema: Schema) -> bool:
    """Whether the server leaves everything as it is, with no more than a notice."""
    match action:
        case act.CreateTable(table=name) | act.CreateTableAs(table=name):
            return action.if_not_exists and taken(schema, schema.full(name))
        case act.AddColumn(table=name, column=column):
            table = schema.table(name)
            return action.if_not_exists and table is not None and column.name in table.columns
        case act.CreateIndex(index=index):
            return action.if_not_exists and _has_index(schema, index.table, index.name)
        case act.AddEnumValue(type=name, label=label):
            found = schema.type(name)
            return action.if_not_exists and found is not None and label in found.labels
        case act.CreateSequence(sequence=name):
            return action.if_not_exists and taken(schema, schema.full(name))
    return False


def view_name(schema: Schema, action: act.CreateView) -> Name:
    """The name a view gets; one that reads what is temporary is temporary itself."""
    if action.view.schema or not schema.temporary:
        return action.view
    over = (schema.table(name) or schema.view(name) for name, _ in action.reads)
    temporary = any(each is not None and each.name.schema == TEMPORARY for each in over)
    return Name(TEMPORARY, action.view.name) if temporary else action.view


def _has_index(schema: Schema, on: Name, name: str) -> bool:
    """An index is in the schema of its table, and any other relation there may have its name."""
    table = schema.table(on)
    where = table.name if table is not None else schema.full(on)
    own = table is not None and name in table.indexes
    return own or taken(schema, Name(where.schema, name))


def taken(schema: Schema, name: Name) -> bool:
    """Whether a table, view, index or sequence has the name; they share one space of names."""
    spaces = (schema.tables, schema.views, schema.index_owners, schema.sequences)
    return any(name in space for space in spaces)
