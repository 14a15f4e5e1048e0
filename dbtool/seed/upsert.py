"""Bring reference rows into a database: what differs and nothing else, in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncpg.exceptions import DataError, IntegrityConstraintViolationError, PostgresError
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from dbtool.database.connection import Connection
from dbtool.errors import OperationError, UsageError
from dbtool.metadata import Models
from dbtool.report import counted
from dbtool.seed import live
from dbtool.seed.bound import text_of
from dbtool.seed.document import near, refuse
from dbtool.seed.live import LiveTable
from dbtool.seed.meaning import sql_name
from dbtool.seed.order import Edge, sort
from dbtool.seed.reference import Reference, ReferenceTable, Row
from dbtool.sql.text import quoted

_NEW = "(a new row)"
_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]
_NOTHING = "Nothing was written."


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is written: its key, and each column before and after."""

    table: str
    kind: str
    key: str
    columns: tuple[tuple[str, str | None, str | None], ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table after its rows were compared: `other` rows are not in the file."""

    table: str
    key: tuple[str, ...]
    file: str
    unchanged: int
    inserted: int
    updated: int
    deleted: int
    other: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What was, or would be, written."""

    tables: tuple[Kept, ...]
    changes: tuple[Change, ...]


@dataclass(slots=True)
class _Side:
    """A table of the database beside its rows in the file, as far as they are compared."""

    wanted: ReferenceTable
    live: LiveTable
    waiting: list[Row]
    seen: dict[tuple[str, ...], Row] = field(default_factory=dict)
    unchanged: int = 0
    other: int = 0

    @property
    def types(self) -> dict[str, str]:
        """The type of each column, as the server prints it."""
        return {column.name: column.type for column in self.live.columns}


async def sides(
    connection: Connection, tables: Sequence[ReferenceTable], *, prune: bool
) -> list[_Side]:
    """The tables as they stand, parents first; raises where they cannot take the rows."""
    by_name = {sql_name(each.table): each for each in tables}
    seen = await live.read(connection, list(by_name))
    if seen.missing:
        missing = ", ".join(name.replace('"', "") for name in seen.missing)
        raise OperationError(
            f"no table {missing} in the database",
            detail=f"{by_name[seen.missing[0]].file} has rows for it. {_NOTHING}",
            hint="Run dbtool upgrade first.",
        )
    found = {
        table.name: _Side(by_name[table.sql_name], table, list(by_name[table.sql_name].rows))
        for table in seen.tables
    }
    for side in found.values():
        _refuse_side(side, seen.reader.user, prune)
    edges = [
        Edge(key.name, table.name, key.target or "", nullable=True)
        for table in seen.tables
        for key in table.of_kind("foreign key")
    ]
    return [found[name] for name in sort(sorted(found), edges).tables]


def _refuse_side(side: _Side, user: str, prune: bool) -> None:
    known = side.types
    for row in side.wanted.rows:
        for name in row.columns:
            if name not in known:
                raise OperationError(
                    f"{row.place}: {side.live.shown} has no column {name} in the database",
                    detail=f"The models have it. {_NOTHING}",
                    hint="Run dbtool upgrade first.",
                )
    needed = ("SELECT", "INSERT", "UPDATE", *(("DELETE",) if prune else ()))
    if lacking := [each for each in needed if each.lower() not in side.live.privileges]:
        rights = ", ".join(lacking)
        raise OperationError(
            f'"{user}" may not write reference rows to {side.live.shown}',
            detail=f"The role needs {rights}. {_NOTHING}",
            hint=f"As the owner: GRANT {rights} ON {side.live.name} TO {quoted(user)};",
        )


class Upsert:
    """Compares rows with the database, and writes what differs where `writes`."""

    def __init__(
        self, connection: Connection, models: Models, tables: Sequence[_Side], *, writes: bool
    ) -> None:
        self.connection = connection
        self.models = models
        self.sides = tables
        self.writes = writes
        self.changes: list[Change] = []

    async def run(self, *, prune: bool) -> Compared:
        """Rows in waves: those whose parents are there, then those that refer to them."""
        while any(side.waiting for side in self.sides):
            moved = False
            for side in self.sides:
                moved = await self._wave(side) or moved
            if not moved:
                await self._refuse_unfound()
        for side in self.sides:
            if self.writes:
                await self._number(side)
        for side in reversed(self.sides):
            await self._others(side, prune)
        return Compared(tuple(map(self._kept, self.sides)), tuple(self.changes))

    def _kept(self, side: _Side) -> Kept:
        kinds = [each.kind for each in self.changes if each.table == side.live.shown]
        counts = (kinds.count("insert"), kinds.count("update"), kinds.count("delete"))
        wanted = side.wanted
        return Kept(side.live.shown, wanted.key, wanted.file, side.unchanged, *counts, side.other)

    async def _wave(self, side: _Side) -> bool:
        """Compare the rows of a table whose parents are known; whether there were any."""
        found = await self._resolve(side)
        ready = [row for row in side.waiting if id(row) in found]
        side.waiting = [row for row in side.waiting if id(row) not in found]
        groups: dict[tuple[str, ...], list[tuple[Row, dict[str, str | None]]]] = {}
        for row in ready:
            values = {**row.values, **found[id(row)]}
            groups.setdefault(tuple(sorted(values)), []).append((row, values))
        for group in groups.values():
            await self._compare(side, group)
        return bool(ready)

    async def _resolve(self, side: _Side) -> dict[int, dict[str, str | None]]:
        """The values of foreign keys, for each waiting row all of whose parents are there."""
        found: dict[int, dict[str, str | None]] = {id(row): {} for row in side.waiting}
        by_kind: dict[tuple[Any, ...], list[tuple[Row, Reference]]] = {}
        for row in side.waiting:
            for each in row.references:
                columns = tuple(name for name, _ in each.key)
                by_kind.setdefault((each.tie.columns, columns), []).append((row, each))
        for pairs in by_kind.values():
            for (row, each), keys in zip(pairs, await self._parents(pairs), strict=True):
                if keys is not None and id(row) in found:
                    found[id(row)].update(zip(each.tie.columns, keys, strict=True))
                else:
                    found.pop(id(row), None)
        return found

    async def _parents(
        self, pairs: Sequence[tuple[Row, Reference]]
    ) -> list[tuple[str, ...] | None]:
        """The referenced columns of each parent; None where it is not there yet."""
        first = pairs[0][1]
        parent = sql_name(first.tie.parent)
        types = await self._types(parent)
        names = [name for name, _ in first.key]
        arrays = [[dict(each.key)[name] for _, each in pairs] for name in names]
        match = " AND ".join(
            f"t.{quoted(name)} = u.c{at}::{types[name]}" for at, name in enumerate(names)
        )
        wanted = ", ".join(f"t.{quoted(name)}::text" for name in first.tie.targets)
        rows = await self._asked(
            f"SELECT u.n, ARRAY[{wanted}] AS keys FROM {_unnested(len(names))} "
            f"JOIN {parent} t ON {match}",
            arrays,
            [(row, dict(each.key)) for row, each in pairs],
            types,
        )
        found: list[tuple[str, ...] | None] = [None] * len(pairs)
        for record in rows:
            at = record["n"] - 1
            if found[at] is not None:
                refuse(pairs[at][1].place, f"there are several rows of {pairs[at][1].shown}")
            found[at] = tuple(record["keys"])
        if not self.writes:
            # A run would write these first.
            found = [
                keys or self._coming(each) for keys, (_, each) in zip(found, pairs, strict=True)
            ]
        return found

    def _coming(self, reference: Reference) -> tuple[str, ...] | None:
        """In a comparison alone: a marker for a parent that a run would write first."""
        parent = reference.tie.parent
        side = next((each for each in self.sides if each.wanted.table is parent), None)
        wanted = dict(reference.key)
        rows = [] if side is None else side.wanted.rows
        is_there = any(
            all(row.values.get(name) == text for name, text in wanted.items()) for row in rows
        )
        return (_NEW,) * len(reference.tie.targets) if is_there else None

    async def _types(self, table: str) -> dict[str, str]:
        rows = await self.connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
        return {row["attname"]: row["type"] for row in rows}

    async def _refuse_unfound(self) -> None:
        for side in self.sides:
            for row in side.waiting:
                for each in row.references:
                    (found,) = await self._parents([(row, each)])
                    if found is None and self._coming(each) is None:
                        near_names = await self._names(each)
                        hint = near(each.key[0][1], near_names)
                        refuse(each.place, f"no row of {each.shown}", hint, _NOTHING)
        row = next(row for side in self.sides for row in side.waiting)
        refuse(row.place, "the rows refer to each other in a circle", detail=_NOTHING)

    async def _names(self, reference: Reference) -> list[str]:
        column = quoted(reference.key[0][0])
        rows = await self.connection.fetch(
            f"SELECT {column}::text AS name FROM {sql_name(reference.tie.parent)} "
            f"WHERE {column} IS NOT NULL LIMIT 1000"
        )
        return [row["name"] for row in rows]

    async def _compare(
        self, side: _Side, group: Sequence[tuple[Row, dict[str, str | None]]]
    ) -> None:
        """Compare rows that have values for the same columns, and write those that differ."""
        everything = sorted(group[0][1])
        marked = {name for _, values in group for name in values if values[name] == _NEW}
        if marked & set(side.wanted.key):
            fresh = [each for each in group if any(v == _NEW for v in each[1].values())]
            for row, values in fresh:
                self._note(side, "insert", row, dict.fromkeys(values), values)
            group = [each for each in group if not any(v == _NEW for v in each[1].values())]
            if not group:
                return
        columns = [name for name in everything if name not in marked]
        records = await self._asked(
            _comparison(side, columns),
            [[values[name] for _, values in group] for name in columns],
            [(row, values) for row, values in group],
            side.types,
        )
        self._refuse_several(side, group, records)
        new: list[tuple[Row, dict[str, str | None]]] = []
        changed: list[tuple[Row, dict[str, str | None]]] = []
        for record, (row, values) in zip(records, group, strict=True):
            after = dict(zip(columns, record["after"], strict=True))
            before = dict(zip(columns, record["before"], strict=True))
            after.update({name: _NEW for name in marked if values[name] == _NEW})
            self._refuse_twice(side, row, after)
            if not record["found"]:
                new.append((row, values))
                self._note(side, "insert", row, dict.fromkeys(after), after)
            elif any(before.get(name) != after[name] for name in after):
                changed.append((row, values))
                self._note(side, "update", row, before, after)
            else:
                side.unchanged += 1
        if self.writes and new:
            await self._insert(side, new)
        if self.writes and changed:
            await self._update(side, changed)

    def _note(
        self,
        side: _Side,
        kind: str,
        row: Row,
        before: dict[str, str | None],
        after: dict[str, str | None],
    ) -> None:
        key = ", ".join(str(after.get(name)) for name in side.wanted.key)
        columns = tuple(
            (name, before.get(name), text)
            for name, text in after.items()
            if name not in side.wanted.key and (kind == "insert" or before.get(name) != text)
        )
        self.changes.append(Change(side.live.shown, kind, key, columns, str(row.place)))

    def _refuse_several(self, side: _Side, group: Sequence[Any], records: Sequence[Any]) -> None:
        if len(records) == len(group):
            return
        numbers = [record["n"] for record in records]
        row = next(group[n - 1][0] for n in numbers if numbers.count(n) > 1)
        key = ", ".join(side.wanted.key)
        refuse(
            row.place,
            f"several rows of {side.live.shown} have this {key}",
            "Declare a key that tells them apart.",
            _NOTHING,
        )

    def _refuse_twice(self, side: _Side, row: Row, after: dict[str, str | None]) -> None:
        key = tuple(str(after[name]) for name in side.wanted.key)
        if key in side.seen and _NEW not in key:
            refuse(row.place, f"the same row as at {side.seen[key].place}", detail=_NOTHING)
        side.seen[key] = row

    async def _insert(self, side: _Side, rows: Sequence[tuple[Row, dict[str, str | None]]]) -> None:
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
        values = ", ".join([*_cast(side, columns), *(sql for _, sql in computed)])
        always = any(side.live.column(name).identity for name in columns)
        await self._asked(
            f"INSERT INTO {side.live.name} ({names}) "
            f"{'OVERRIDING SYSTEM VALUE ' if always else ''}"
            f"SELECT {values} FROM {_unnested(len(columns))} ORDER BY u.n",
            arrays,
            list(rows),
            side.types,
        )

    def _defaulted(self, side: _Side, given: Sequence[str]) -> "Iterator[Column[Any]]":
        """Columns that the application fills where a row names no value, and no server does."""
        known = {column.name: column for column in side.live.columns}
        for column in side.wanted.table.columns:
            found = known.get(str(column.name))
            if column.default is None or found is None or column.name in given:
                continue
            if found.default is None and not found.identity and not found.generated:
                yield column

    async def _update(self, side: _Side, rows: Sequence[tuple[Row, dict[str, str | None]]]) -> None:
        columns = sorted(rows[0][1])
        key = side.wanted.key
        casts = dict(zip(columns, _cast(side, columns), strict=True))
        sets = [f"{quoted(name)} = {casts[name]}" for name in columns if name not in key]
        sets += self._touched(side, columns)
        match = " AND ".join(f"t.{quoted(name)} = {casts[name]}" for name in key)
        arrays = [[values[name] for _, values in rows] for name in columns]
        await self._asked(
            f"UPDATE {side.live.name} t SET {', '.join(sets)} "
            f"FROM {_unnested(len(columns))} WHERE {match}",
            arrays,
            list(rows),
            side.types,
        )

    def _touched(self, side: _Side, given: Sequence[str]) -> Iterator[str]:
        """What the application sets with each update: the time of it, and the next version."""
        known = {column.name for column in side.live.columns}
        for column in side.wanted.table.columns:
            name = str(column.name)
            if column.onupdate is None or name in given or name not in known:
                continue
            sql = _sql_default(column.onupdate)
            if sql is None:
                text = text_of(column, _called(column.onupdate))
                sql = "NULL" if text is None else f"{_literal(text)}::{side.types[name]}"
            yield f"{quoted(name)} = {sql}"
        version = self._version(side)
        if version and version not in given:
            yield f"{quoted(version)} = t.{quoted(version)} + 1"

    def _version(self, side: _Side) -> str | None:
        for mapper in self.models.mappers:
            column = mapper.version_id_col
            if mapper.local_table is side.wanted.table and column is not None:
                return str(column.name) if isinstance(column.type.python_type(), int) else None
        return None

    async def _number(self, side: _Side) -> None:
        """Set sequences behind keys that the file gives."""
        given = {name for row in side.wanted.rows for name in row.values}
        wrote = any(
            each.table == side.live.shown and each.kind == "insert" for each in self.changes
        )
        for column in side.live.columns:
            if wrote and column.sequence and column.name in given:
                name = quoted(column.name)
                await self.connection.execute(
                    f"SELECT setval('{column.sequence.replace(chr(39), chr(39) * 2)}', greatest("
                    f"(SELECT max({name}) FROM {side.live.name}), "
                    f"(SELECT last_value FROM {column.sequence})))"
                )

    async def _others(self, side: _Side, prune: bool) -> None:
        """Rows of the table that the file does not have; deleted where that was asked for."""
        key, types = side.wanted.key, side.types
        if not key:
            return
        seen = [each for each in side.seen if _NEW not in each]
        arrays = [[each[at] for each in seen] for at in range(len(key))]
        missing = _missing("t", key, types)
        table = side.live.name
        if not prune:
            sql = f"SELECT count(*) FROM {table} t WHERE {missing}"
            side.other = int(await self.connection.fetchval(sql, *arrays))
            return
        shown = " || ', ' || ".join(f"coalesce(t.{quoted(name)}::text, 'NULL')" for name in key)
        names = await self.connection.fetch(
            f"SELECT {shown} AS name FROM {table} t WHERE {missing} ORDER BY 1", *arrays
        )
        if names and not side.wanted.rows:
            refuse(
                side.wanted.place,
                f"the file has no row, and all {len(names)} of {side.live.shown} would be lost",
                "A file without rows prunes nothing.",
                _NOTHING,
            )
        self.changes += [Change(side.live.shown, "delete", each["name"]) for each in names]
        if names:
            await self._refuse_referred(side, missing, arrays)
        if names and self.writes:
            await self._asked(f"DELETE FROM {table} t WHERE {missing}", arrays, [], types)

    async def _refuse_referred(self, side: _Side, missing: str, arrays: list[list[str]]) -> None:
        """Refuse where rows refer to those deleted: they would be lost or changed with them."""
        keys = await self.connection.fetch(_REFERRING, side.live.name)
        own = {each.live.name for each in self.sides}
        for key in keys:
            if not self.writes and key["child"] in own:
                continue
            # Rows of the table itself that go too take nothing along.
            stay = "TRUE"
            if key["child"] == side.live.name:
                stay = f"NOT {_missing('c', side.wanted.key, side.types)}"
            pairs = zip(key["columns"], key["targets"], strict=True)
            match = " AND ".join(f"c.{quoted(a)} = t.{quoted(b)}" for a, b in pairs)
            count = await self.connection.fetchval(
                f"SELECT count(*) FROM {key['child']} c JOIN {side.live.name} t ON {match} "
                f"WHERE {missing} AND {stay}",
                *arrays,
            )
            if count:
                child = key["child"].removeprefix("public.").replace('"', "")
                raise OperationError(
                    f"{counted(count, 'row')} of {child} would lose what they refer to"
                    f" in {side.live.shown}",
                    detail=f"The foreign key is {key['name']}. {_NOTHING}",
                    hint="Change or delete those first: what is pruned takes no other row along.",
                )

    async def _asked(
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
                detail=f"{getattr(error, 'detail', None) or ''}\n{_NOTHING}".strip(),
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
                if text is None or text == _NEW or not isinstance(error, DataError):
                    continue
                try:
                    async with self.connection.transaction():
                        await self.connection.fetchval(f"SELECT $1::text::{types[name]}", text)
                except PostgresError as refused:
                    refuse(row.place, f"{name}: {refused.args[0]}", detail=_NOTHING)
        said = getattr(error, "detail", None) or ""
        named = [row for row, values in rows if _is_named(said, values)]
        if len(rows) == 1 or len(named) == 1:
            row = named[0] if named else rows[0][0]
            refuse(row.place, str(error.args[0]), detail=f"{said}\n{_NOTHING}".strip())


def _is_named(said: str, values: dict[str, Any]) -> bool:
    """Whether the server's detail, which shows a row or a key, shows these values."""
    texts = [str(text) for text in values.values() if text]
    return bool(texts) and all(text in said for text in texts)


_REFERRING = """
SELECT c.conname AS name, format('%I.%I', n.nspname, r.relname) AS child,
       (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num)::text[] AS columns,
       (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num)::text[] AS targets
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype = 'f' AND c.confrelid = $1::text::regclass AND c.conparentid = 0
ORDER BY 2, 1
"""


def _comparison(side: _Side, columns: Sequence[str]) -> str:
    """Each row of the file beside the one in the table, as text the server wrote for both."""
    casts = dict(zip(columns, _cast(side, columns), strict=True))
    match = " AND ".join(f"t.{quoted(name)} = {casts[name]}" for name in side.wanted.key)
    before = ", ".join(f"{_comparable(side, name, f't.{quoted(name)}')}::text" for name in columns)
    after = ", ".join(f"{_comparable(side, name, casts[name])}::text" for name in columns)
    return (
        f"SELECT u.n, t.ctid IS NOT NULL AS found, ARRAY[{before}] AS before, "
        f"ARRAY[{after}] AS after FROM {_unnested(len(columns))} "
        f"LEFT JOIN {side.live.name} t ON {match} ORDER BY u.n"
    )


def _missing(alias: str, key: Sequence[str], types: dict[str, str]) -> str:
    """That no row of the file is this one."""
    match = " AND ".join(
        f"{alias}.{quoted(name)} = u.c{at}::{types[name]}" for at, name in enumerate(key)
    )
    return f"NOT EXISTS (SELECT FROM {_unnested(len(key))} WHERE {match})"


def _comparable(side: _Side, name: str, value: str) -> str:
    """Two spellings of one document do not differ."""
    return f"({value})::jsonb" if side.types[name] == "json" else f"({value})"


def _cast(side: _Side, columns: Sequence[str]) -> list[str]:
    return [f"u.c{at}::{side.types[name]}" for at, name in enumerate(columns)]


def _unnested(count: int) -> str:
    arrays = ", ".join(f"${at + 1}::text[]" for at in range(count))
    names = ", ".join(f"c{at}" for at in range(count))
    return f"unnest({arrays}) WITH ORDINALITY AS u({names}, n)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
