"""Where the sequences are that statements named, and which column each goes with."""

from dbtool.lint import actions as act
from dbtool.lint.already import taken
from dbtool.lint.schema import TEMPORARY, Name, Schema, Sequence
from dbtool.lint.values import replace


def create(schema: Schema, action: act.CreateSequence) -> None:
    """CREATE SEQUENCE."""
    name = schema.full(action.sequence)
    if not taken(schema, name):
        owner = _full(schema, action.owner)
        schema.put(schema.sequences, name, Sequence(name=name, owner=owner))


def number(schema: Schema, table: Name, column: str, name: Name | None) -> None:
    """IDENTITY (SEQUENCE NAME …): without a schema it is created in that of the table."""
    if name is not None:
        made = Sequence(
            name=Name(name.schema or table.schema, name.name),
            owner=(table, column),
            numbering=True,
        )
        schema.put(schema.sequences, made.name, made)


def own(schema: Schema, action: act.OwnSequence) -> None:
    """ALTER SEQUENCE … OWNED BY."""
    if (found := schema.sequence(action.sequence)) is not None:
        owner = _full(schema, action.owner)
        schema.put(schema.sequences, found.name, replace(found, owner=owner))


def _full(schema: Schema, owner: tuple[Name, str] | None) -> tuple[Name, str] | None:
    if owner is None:
        return None
    table = schema.table(owner[0])
    return table.name if table is not None else schema.full(owner[0]), owner[1]


def drop(schema: Schema, name: Name) -> None:
    """DROP SEQUENCE."""
    if (found := schema.sequence(name)) is not None:
        schema.remove(schema.sequences, found.name)


def rename(schema: Schema, name: Name, to: str) -> None:
    """ALTER SEQUENCE, or ALTER TABLE, … RENAME."""
    if (found := schema.sequence(name)) is not None:
        _change(schema, found, replace(found, name=Name(found.name.schema, to)))


def of_temporary(schema: Schema, name: Name) -> bool:
    """Whether the server finds the sequence first that numbers a temporary table."""
    if name.schema or not schema.temporary:
        return False
    return any(
        table.name.schema == TEMPORARY and name.name == f"{table.name.name}_{column.name}_seq"
        for table in schema.tables.values()
        for column in table.columns.values()
        if column.serial or column.identity
    )


def set_schema(schema: Schema, name: Name, to: str) -> None:
    """ALTER SEQUENCE, or ALTER TABLE, … SET SCHEMA."""
    if (found := schema.sequence(name)) is not None:
        _change(schema, found, replace(found, name=Name(to, found.name.name)))


def _owned(schema: Schema, table: Name, column: str = "") -> list[Sequence]:
    return [
        each
        for each in schema.sequences.values()
        if each.owner and each.owner[0] == table and column in ("", each.owner[1])
    ]


def drop_owned(schema: Schema, table: Name, column: str = "", *, numbering: bool = False) -> None:
    """Forget what goes with a table or a column, or only what numbers the column."""
    for each in _owned(schema, table, column):
        if each.numbering or not numbering:
            schema.remove(schema.sequences, each.name)


def move_owned(schema: Schema, table: Name, to: Name) -> None:
    """A table takes what goes with it to another schema."""
    for each in _owned(schema, table):
        column = each.owner[1] if each.owner else ""
        name = Name(to.schema, each.name.name)
        _change(schema, each, replace(each, name=name, owner=(to, column)))


def rename_column(schema: Schema, table: Name, old: str, new: str) -> None:
    """The column that a sequence goes with has another name."""
    for each in _owned(schema, table, old):
        _change(schema, each, replace(each, owner=(table, new)))


def _change(schema: Schema, before: Sequence, after: Sequence) -> None:
    schema.remove(schema.sequences, before.name)
    schema.put(schema.sequences, after.name, after)
