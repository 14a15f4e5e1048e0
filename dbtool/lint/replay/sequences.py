"""Where the sequences are that were created by themselves, whichever column owns them later."""

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.schema import Name, Schema


def create(schema: Schema, action: act.CreateSequence) -> None:
    """CREATE SEQUENCE."""
    if not passed_over(action, schema):
        _enter(schema, schema.full(action.sequence))


def drop(schema: Schema, name: Name) -> None:
    """DROP SEQUENCE."""
    if (found := schema.sequence(name)) is not None:
        schema.remove(schema.sequences, found)


def rename(schema: Schema, name: Name, to: str) -> None:
    """ALTER SEQUENCE, or ALTER TABLE, … RENAME."""
    if (found := schema.sequence(name)) is not None:
        schema.remove(schema.sequences, found)
        _enter(schema, Name(found.schema, to))


def set_schema(schema: Schema, name: Name, to: str) -> None:
    """ALTER SEQUENCE … SET SCHEMA."""
    if (found := schema.sequence(name)) is not None:
        schema.remove(schema.sequences, found)
        _enter(schema, Name(to, found.name))


def drop_owned(schema: Schema, table: Name, column: str = "") -> None:
    """Forget what goes with a table or a column: those with the name that serial gives them."""
    begins = f"{table.name}_{column}" if column else f"{table.name}_"
    for each in [*schema.sequences]:
        rest = each.name.removeprefix(begins)
        owned = rest == "_seq" if column else rest.endswith("_seq")
        if each.schema == table.schema and rest != each.name and owned:
            schema.remove(schema.sequences, each)


def _enter(schema: Schema, name: Name) -> None:
    schema.put(schema.sequences, name, name)
