"""Count what would be lost: exactly where that is cheap, else as the statistics estimate it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.sql.names import identifier

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

SMALL = 16 * 1024 * 1024
"""Bytes of a table that are read through within a fraction of a second."""

_BUDGET = 5.0
_HOLDING = 2.0
_AGAIN = 60.0
_PATIENCE = (
    "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '2s';"
    " SET LOCAL row_security = off"
)
"""Where a policy hides rows a count is no count: with row_security off it is an error."""
_RELATIONS = """
    WITH RECURSIVE tree (root, oid) AS (
        SELECT o, o FROM pg_catalog.unnest($1::pg_catalog.oid[]) o
        UNION
        SELECT t.root, i.inhrelid FROM tree t
          JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)
    SELECT r.oid, n.nspname, r.relname, pg_catalog.pg_table_is_visible(r.oid),
           pg_catalog.sum(greatest(c.reltuples, 0))::pg_catalog.int8,
           pg_catalog.bool_or(c.reltuples < 0 AND c.relkind IN ('r', 'm')),
           pg_catalog.sum(pg_catalog.pg_relation_size(c.oid))::pg_catalog.int8
      FROM tree t
      JOIN pg_catalog.pg_class c ON c.oid = t.oid
      JOIN pg_catalog.pg_class r ON r.oid = t.root
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
     GROUP BY r.oid, n.nspname, r.relname
"""
_IN_SCHEMA = """
    SELECT c.oid FROM pg_catalog.pg_class c
     WHERE c.relnamespace = pg_catalog.to_regnamespace($1) AND c.relkind IN ('r', 'p', 'm')
       AND NOT c.relispartition ORDER BY c.relname
"""
_OF_TYPE = """
    SELECT a.attrelid, a.attname FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
     WHERE a.atttypid = $1 AND NOT a.attisdropped AND NOT c.relispartition
     ORDER BY a.attrelid, a.attnum
"""
_COLUMNS = """
    SELECT a.attrelid, a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod)
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
"""
_DEPENDENTS = """
    SELECT DISTINCT CASE WHEN v.oid IS NOT NULL
           THEN CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END
                || v.oid::pg_catalog.regclass
           ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END
      FROM pg_catalog.pg_depend d
      LEFT JOIN pg_catalog.pg_rewrite r
             ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
      LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
      LEFT JOIN pg_catalog.pg_constraint k
             ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
     WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1
       AND ($2 = '' OR d.refobjsubid = (SELECT attnum FROM pg_catalog.pg_attribute
                                         WHERE attrelid = $1 AND attname = $2))
       AND d.deptype = 'n' AND k.conrelid IS DISTINCT FROM $1 AND v.oid IS DISTINCT FROM $1
     ORDER BY 1
"""
_REFERENCING = """
    SELECT 'rows of ' || c.conrelid::pg_catalog.regclass FROM pg_catalog.pg_constraint c
     WHERE c.confrelid = $1 AND c.contype = 'f' AND c.conrelid <> $1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it is now; `rows` is an estimate, None where there never was one.

    Nor is 0 one where the table has pages: rows that came since may fill them.
    """

    oid: int
    schema: str
    name: str
    visible: bool
    rows: int | None
    bytes: int
    columns: dict[str, str]
    attnums: dict[str, int]

    @property
    def shown(self) -> str:
        """The name as people write it."""
        return self.name if self.visible else f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The name in SQL."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"


class Measure:
    """Asks on our own connection; once it has taken seconds, estimates have to do.

    So they have where the connection is in a transaction that must not fail: behind a pooler.
    Where the migration is `holding` locks, they have to do sooner: others may wait behind those.
    """

    def __init__(self, connection: "Connection", *, holding: bool = False) -> None:
        self._connection = connection
        self._may_fail = not connection.is_in_transaction()
        self._begun = time.monotonic()
        self._holding = holding
        self._counts: dict[str, int | None] = {}

    async def relations(self, oids: Sequence[int]) -> dict[int, Relation]:
        """The tables with these numbers."""
        found = await self._sizes(oids)
        columns: dict[int, dict[str, str]] = {}
        attnums: dict[int, dict[str, int]] = {}
        for oid, name, attnum, kind in await self._connection.fetch(_COLUMNS, oids):
            columns.setdefault(oid, {})[name] = kind
            attnums.setdefault(oid, {})[name] = attnum
        return {
            oid: Relation(
                oid=oid,
                schema=schema,
                name=name,
                visible=visible,
                rows=None if never or (rows == 0 and size > 0) else rows,
                bytes=size,
                columns=columns.get(oid, {}),
                attnums=attnums.get(oid, {}),
            )
            for oid, schema, name, visible, rows, never, size in found
        }

    async def _sizes(self, oids: Sequence[int]) -> "list[Record]":
        """The relations; where one is locked, its size is what the statistics say."""
        from asyncpg.exceptions import PostgresError

        if self._may_fail:
            with suppress(PostgresError):
                async with self._connection.transaction(readonly=True):
                    await self._connection.execute(_PATIENCE)
                    return await self._connection.fetch(_RELATIONS, oids)
        without = _RELATIONS.replace("pg_catalog.pg_relation_size(c.oid)", "c.relpages * 8192")
        return await self._connection.fetch(without, oids)

    async def count(
        self, relation: Relation, column: str = "", *, again: bool = False
    ) -> int | None:
        """The exact number of rows, or of values; None where it would take too long.

        What was counted before may take longer `again`: an estimate would pass for a change.
        """
        limit = _HOLDING if self._holding else _AGAIN if again else _BUDGET
        late = time.monotonic() > self._begun + limit
        if not self._may_fail or relation.bytes > SMALL or late:
            return None
        what = identifier(column) if column else "*"
        sql = f"SELECT count({what}) FROM {relation.sql}"
        if sql not in self._counts:
            self._counts[sql] = await self._counted(sql)
        return self._counts[sql]

    async def _counted(self, sql: str) -> int | None:
        from asyncpg.exceptions import PostgresError

        try:
            async with self._connection.transaction(readonly=True):
                await self._connection.execute(_PATIENCE)
                found: int = await self._connection.fetchval(sql)
        except PostgresError:
            return None
        return found

    async def in_schema(self, schema: str) -> list[int]:
        """The tables of a schema."""
        return [row[0] for row in await self._connection.fetch(_IN_SCHEMA, identifier(schema))]

    async def of_type(self, oid: int) -> list[tuple[int, str]]:
        """The columns of a type."""
        return [(row[0], row[1]) for row in await self._connection.fetch(_OF_TYPE, oid)]

    async def dependents(self, oid: int, column: str) -> tuple[str, ...]:
        """What CASCADE drops together with a table or a column."""
        rows = await self._connection.fetch(_DEPENDENTS, oid, column)
        return tuple(row[0] for row in rows)

    async def referencing(self, oid: int) -> tuple[str, ...]:
        """What TRUNCATE … CASCADE empties too."""
        return tuple(row[0] for row in await self._connection.fetch(_REFERENCING, oid))
