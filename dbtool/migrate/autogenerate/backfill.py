"""The value that rows from before get, where the models know one: in batches along the key."""

import textwrap
from collections.abc import Iterator
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, literal
from sqlalchemy.exc import SQLAlchemyError

from dbtool import catalog as cat
from dbtool.migrate.diff.scope import metadatas_of
from dbtool.sql.names import identifier

_SIZE = 1000


def backfill(
    context: MigrationContext, table: cat.Table | None, column: str, schema: str | None
) -> str:
    """Code that fills a column where it is NULL with the default that the model has in Python.

    Empty where there is none, or no key of one column to go along.
    """
    key = _key(table) if table is not None else None
    if table is None or key is None:
        return ""
    models = (each.tables.get(_shown(table, schema)) for each in metadatas_of(context))
    items = (each.columns for each in models if each is not None)
    found = next((e for each in items for e in each if e.name == column), None)
    value = _literal(context, found) if found is not None else ""
    return _loop(_name(table, schema), identifier(column), value, identifier(key)) if value else ""


def _key(table: cat.Table) -> str | None:
    keys = [each.columns for each in table.constraints if each.kind == "primary key"]
    return keys[0][0] if keys and len(keys[0]) == 1 else None


def _shown(table: cat.Table, schema: str | None) -> str:
    return f"{schema}.{table.name}" if schema else table.name


def _name(table: cat.Table, schema: str | None) -> str:
    return ".".join(map(identifier, filter(None, (schema, table.name))))


def _literal(context: MigrationContext, column: "Column[Any]") -> str:
    """A constant default as SQL; empty where it is computed, or cannot be written."""
    default = column.default
    if default is None or not default.is_scalar:
        return ""
    value = literal(default.arg, column.type)  # type: ignore[attr-defined]
    try:
        said = value.compile(dialect=context.dialect, compile_kwargs={"literal_binds": True})
    except (SQLAlchemyError, NotImplementedError):
        return ""
    doubled = context.dialect.identifier_preparer._double_percents
    return str(said).replace("%%", "%") if doubled else str(said)


def _loop(table: str, column: str, value: str, key: str) -> str:
    return "\n".join(_lines(table, column, value, key))


def _lines(table: str, column: str, value: str, key: str) -> Iterator[str]:
    batch = f"""\
WITH batch AS (
    SELECT {key} FROM {table} WHERE {key} >= :start ORDER BY {key} LIMIT {_SIZE}
), filled AS (
    UPDATE {table} SET {column} = {value.replace(":", chr(92) + ":")}
    WHERE {key} IN (SELECT {key} FROM batch) AND {column} IS NULL
)
SELECT {key} FROM {table}
WHERE {key} > (SELECT {key} FROM batch ORDER BY {key} DESC LIMIT 1)
ORDER BY {key} LIMIT 1"""
    first = f"SELECT {key} FROM {table} ORDER BY {key} LIMIT 1"
    text = textwrap.indent(batch.replace("\\", "\\\\").replace('"""', '\\"\\"\\"'), "    ")
    yield f'batch = sa.text(\n    """\n{text}\n    """\n)'
    yield "with op.get_context().autocommit_block():"
    yield f"    start = op.get_bind().scalar(sa.text({first!r}))"
    yield "    while start is not None:"
    yield '        start = op.get_bind().scalar(batch, {"start": start})'
