"""Write reference rows as the application would: its defaults, versions and times of change."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from dbtool.database.connection import Connection
from dbtool.metadata import Models
from dbtool.seed.asking import Asking, cast, literal, unnested
from dbtool.seed.bound import text_of
from dbtool.seed.reference import Row
from dbtool.seed.sides import Side
from dbtool.sql.text import quoted

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]


class Writer(Asking):
    """Inserts and updates rows that have values for the same columns."""

    def __init__(self, connection: Connection, models: Models) -> None:
        super().__init__(connection)
        self.models = models

    async def insert(self, side: Side, rows: Sequence[tuple[Row, dict[str, str | None]]]) -> None:
        """Insert them, with what the application fills in itself."""
        columns = sorted(rows[0][1])
        arrays = [[values[name] for _, values in rows] for name in columns]
        computed: list[tuple[str, str]] = []
        for column in self._defaulted(side, columns):
            sql = _sql_default(column.default)
            if sql is not None:
                computed.append((str(column.name), sql))
                continue
            columns.append(str(column.name))
            arrays.append([text_of(column, _called(column.default)) for _ in rows])
        version = self._version(side)
        if version and version not in columns and side.live.column(version).default is None:
            computed.append((version, "1"))
        names = ", ".join(map(quoted, [*columns, *(name for name, _ in computed)]))
        values = ", ".join([*cast(side, columns), *(sql for _, sql in computed)])
        always = any(side.live.column(name).identity for name in columns)
        await self.asked(
            f"INSERT INTO {side.live.name} ({names}) "
            f"{'OVERRIDING SYSTEM VALUE ' if always else ''}"
            f"SELECT {values} FROM {unnested(len(columns))} ORDER BY u.n",
            arrays,
            list(rows),
            side.types,
        )

    def _defaulted(self, side: Side, given: Sequence[str]) -> "Iterator[Column[Any]]":
        """Columns that the application fills where a row names no value, and no server does."""
        known = {column.name: column for column in side.live.columns}
        for column in side.wanted.table.columns:
            found = known.get(str(column.name))
            if column.default is None or found is None or column.name in given:
                continue
            if found.default is None and not found.identity and not found.generated:
                yield column

    async def update(self, side: Side, rows: Sequence[tuple[Row, dict[str, str | None]]]) -> None:
        """Update those that are there, by their key."""
        columns = sorted(rows[0][1])
        key = side.wanted.key
        casts = dict(zip(columns, cast(side, columns), strict=True))
        sets = [f"{quoted(name)} = {casts[name]}" for name in columns if name not in key]
        sets += self._touched(side, columns)
        match = " AND ".join(f"t.{quoted(name)} = {casts[name]}" for name in key)
        arrays = [[values[name] for _, values in rows] for name in columns]
        await self.asked(
            f"UPDATE {side.live.name} t SET {', '.join(sets)} "
            f"FROM {unnested(len(columns))} WHERE {match}",
            arrays,
            list(rows),
            side.types,
        )

    def _touched(self, side: Side, given: Sequence[str]) -> Iterator[str]:
        """What the application sets with each update: the time of it, and the next version."""
        known = {column.name for column in side.live.columns}
        for column in side.wanted.table.columns:
            name = str(column.name)
            if column.onupdate is None or name in given or name not in known:
                continue
            sql = _sql_default(column.onupdate)
            if sql is None:
                text = text_of(column, _called(column.onupdate))
                sql = "NULL" if text is None else f"{literal(text)}::{side.types[name]}"
            yield f"{quoted(name)} = {sql}"
        version = self._version(side)
        if version and version not in given:
            yield f"{quoted(version)} = t.{quoted(version)} + 1"

    def _version(self, side: Side) -> str | None:
        for mapper in self.models.mappers:
            column = mapper.version_id_col
            if mapper.local_table is side.wanted.table and column is not None:
                return str(column.name) if isinstance(column.type.python_type(), int) else None
        return None

    async def number(self, side: Side) -> None:
        """Set sequences behind keys that the file gives."""
        given = {name for row in side.wanted.rows for name in row.values}
        for column in side.live.columns:
            if column.sequence and column.name in given:
                name = quoted(column.name)
                await self.connection.execute(
                    f"SELECT setval('{column.sequence.replace(chr(39), chr(39) * 2)}', greatest("
                    f"(SELECT max({name}) FROM {side.live.name}), "
                    f"(SELECT last_value FROM {column.sequence})))"
                )


def _sql_default(default: Any) -> str | None:
    """A default that is SQL; None where Python has to be called for it."""
    if default.is_sequence:
        return f"nextval('{default.name}')"
    if default.is_clause_element:
        return str(default.arg.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    return None


def _called(default: Any) -> object:
    """A scalar default, or what its function returns."""
    if not default.is_callable:
        return default.arg
    return default.arg(None)
