"""Statements over arrays of text, one element per row of a file, and whose fault a refusal is."""

from collections.abc import Sequence
from typing import Any

from asyncpg.exceptions import DataError, IntegrityConstraintViolationError, PostgresError

from dbtool.database.connection import Connection
from dbtool.errors import UsageError
from dbtool.seed.document import refuse
from dbtool.seed.reference import Row
from dbtool.seed.sides import NEW, NOTHING, Side
from dbtool.sql.text import quoted


class Asking:
    """Runs statements over rows of files."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def asked(
        self,
        sql: str,
        arrays: Sequence[Sequence[str | None]],
        rows: Sequence[tuple[Row, dict[str, Any]]],
        types: dict[str, str],
    ) -> list[Any]:
        """Run a statement over arrays; where the server refuses a value, say which one it was."""
        try:
            async with self.connection.transaction():
                return list(await self.connection.fetch(sql, *arrays))
        except (DataError, IntegrityConstraintViolationError) as error:
            await self._refuse_value(error, rows, types)
            raise UsageError(
                str(error.args[0]),
                detail=f"{getattr(error, 'detail', None) or ''}\n{NOTHING}".strip(),
            ) from error

    async def _refuse_value(
        self,
        error: PostgresError,
        rows: Sequence[tuple[Row, dict[str, Any]]],
        types: dict[str, str],
    ) -> None:
        """Find the row the server spoke of: by its values, else by the key it named."""
        for row, values in rows:
            for name, text in values.items():
                if text is None or text == NEW or not isinstance(error, DataError):
                    continue
                try:
                    async with self.connection.transaction():
                        await self.connection.fetchval(f"SELECT $1::text::{types[name]}", text)
                except PostgresError as refused:
                    refuse(row.place, f"{name}: {refused.args[0]}", detail=NOTHING)
        said = getattr(error, "detail", None) or ""
        named = [row for row, values in rows if _is_named(said, values)]
        if len(rows) == 1 or len(named) == 1:
            row = named[0] if named else rows[0][0]
            refuse(row.place, str(error.args[0]), detail=f"{said}\n{NOTHING}".strip())


def _is_named(said: str, values: dict[str, Any]) -> bool:
    """Whether the server's detail, which shows a row or a key, shows these values."""
    texts = [str(text) for text in values.values() if text]
    return bool(texts) and all(text in said for text in texts)


def cast(side: Side, columns: Sequence[str]) -> list[str]:
    """The arrays as the types of the columns."""
    return [f"u.c{at}::{side.types[name]}" for at, name in enumerate(columns)]


def unnested(count: int) -> str:
    """The rows of so many arrays, numbered from 1."""
    arrays = ", ".join(f"${at + 1}::text[]" for at in range(count))
    names = ", ".join(f"c{at}" for at in range(count))
    return f"unnest({arrays}) WITH ORDINALITY AS u({names}, n)"


def missing_from(alias: str, key: Sequence[str], types: dict[str, str]) -> str:
    """That no row of the file is this one."""
    match = " AND ".join(
        f"{alias}.{quoted(name)} = u.c{at}::{types[name]}" for at, name in enumerate(key)
    )
    return f"NOT EXISTS (SELECT FROM {unnested(len(key))} WHERE {match})"


def literal(text: str) -> str:
    """A value as text in SQL."""
    return "'" + text.replace("'", "''") + "'"
