"""How large a database's tables are, read without a lock on any of them, or from a file."""

import datetime
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.database.connection import Connection
    from dbtool.database.target import Target

FORMAT = 1
_LIMITS = {"statement_timeout": "10s", "lock_timeout": "1s"}
_AGAIN = "Write it again: dbtool lint --export-stats"
_QUESTION = """
WITH page AS (SELECT pg_catalog.current_setting('block_size')::int8 AS size),
sized AS (
    SELECT c.oid, c.relnamespace, c.relname, c.relkind, c.reltuples, c.reltoastrelid,
           CASE WHEN c.reltuples >= 0 OR c.relpages > 0 THEN c.relpages * page.size END AS bytes
    FROM pg_catalog.pg_class AS c, page
),
indexes AS (
    SELECT i.indrelid, count(*) AS number, sum(s.bytes) AS bytes
    FROM pg_catalog.pg_index AS i JOIN sized AS s ON s.oid = i.indexrelid
    GROUP BY i.indrelid
)
SELECT n.nspname AS schema, t.relname AS name,
       CASE WHEN t.relkind = 'p' THEN NULL
            WHEN t.reltuples >= 0 THEN t.reltuples::int8
            ELSE nullif(pg_catalog.pg_stat_get_live_tuples(t.oid), 0) END AS rows,
       (t.bytes + coalesce(toast.bytes, 0) + coalesce(of_toast.bytes, 0))::int8 AS bytes,
       coalesce(i.number, 0) AS indexes,
       coalesce(i.bytes, 0)::int8 AS index_bytes,
       pn.nspname AS parent_schema, p.relname AS parent_name
FROM sized AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
LEFT JOIN sized AS toast ON toast.oid = t.reltoastrelid
LEFT JOIN indexes AS of_toast ON of_toast.indrelid = t.reltoastrelid
LEFT JOIN indexes AS i ON i.indrelid = t.oid
LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = t.oid AND h.inhseqno = 1
LEFT JOIN sized AS p ON p.oid = h.inhparent
LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
WHERE t.relkind IN ('r', 'p', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 1, 2
"""
"""The functions that measure files lock each relation and wait behind whoever alters one. What
VACUUM and ANALYZE have noted lags behind, and is absent where neither has ever run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """One table without its partitions; None where nobody has counted.

    `bytes` are those of the table and its TOAST table, without the indexes. `parent` is the
    table it is a partition of, as (schema, name).
    """

    schema: str
    name: str
    rows: int | None = None
    bytes: int | None = None
    indexes: int = 0
    index_bytes: int = 0
    parent: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a database's tables on one day; `server` is its version number."""

    database: str
    server: int
    taken: str
    tables: tuple[TableSize, ...] = ()

    def of(self, schema: str, name: str) -> TableSize | None:
        """A table with all its partitions; None where there is no such table."""
        found = next((t for t in self.tables if (t.schema, t.name) == (schema, name)), None)
        return None if found is None else _sum(found, self._below(found))

    def _below(self, table: TableSize) -> Iterator[TableSize]:
        for each in self.tables:
            if each.parent == (table.schema, table.name):
                yield each
                yield from self._below(each)


def _sum(table: TableSize, below: Iterable[TableSize]) -> TableSize:
    parts = [table, *below]
    if len(parts) == 1:
        return table
    rows = [each.rows for each in parts if each.rows is not None]
    known = [each.bytes for each in parts if each.bytes is not None]
    return replace(
        table,
        rows=sum(rows) if rows else None,
        bytes=sum(known) if known else None,
        indexes=max(each.indexes for each in parts),
        index_bytes=sum(each.index_bytes for each in parts),
    )


def read(target: "Target", today: datetime.date | None = None) -> Sizes:
    """Ask a database in one read-only statement that locks none of its tables."""
    from dbtool.database.sync import SyncConnection

    with SyncConnection(target, read_only=True, settings=_LIMITS) as connection:
        rows = connection.run(_ask)
        version = connection.connection.get_server_version()
    tables = tuple(
        TableSize(
            schema=row["schema"],
            name=row["name"],
            rows=row["rows"],
            bytes=row["bytes"],
            indexes=row["indexes"],
            index_bytes=row["index_bytes"],
            parent=(row["parent_schema"], row["parent_name"]) if row["parent_name"] else None,
        )
        for row in rows
    )
    day = today or datetime.datetime.now(datetime.UTC).date()
    return Sizes(target.database, int(version.major), day.isoformat(), tables)


async def _ask(connection: "Connection") -> list[Any]:
    async with connection.limits():
        rows: list[Any] = await connection.fetch(_QUESTION)
        return rows


def written(sizes: Sizes) -> str:
    """The file to commit: JSON with one table to a line, so that a change shows as one."""
    head = {"format": FORMAT, "database": sizes.database, "server": sizes.server}
    opening = json.dumps(head | {"taken": sizes.taken})[:-1]
    lines = ",\n".join(f"  {json.dumps(_plain(each))}" for each in sizes.tables)
    tables = f"[\n{lines}\n]" if lines else "[]"
    return f'{opening}, "tables": {tables}}}\n'


def _plain(table: TableSize) -> dict[str, object]:
    return {name: value for name, value in asdict(table).items() if value is not None}


def parse(text: str, name: str) -> Sizes:
    """Read the file again; raises UsageError where it is something else."""
    try:
        said = json.loads(text)
        version = said["format"]
        if version != FORMAT:
            raise _unusable(name, f"It is in format {version}, and this dbtool reads {FORMAT}.")
        tables = tuple(_table(each) for each in said["tables"])
        return Sizes(said["database"], said["server"], said["taken"], tables)
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(name, f"{type(error).__name__}: {error}") from error


def _table(said: dict[str, Any]) -> TableSize:
    for name in ("rows", "bytes", "indexes", "index_bytes"):
        if not isinstance(said.get(name, 0), int):
            raise TypeError(f"{name} of {said.get('name')} is no number")
    parent = said.get("parent")
    return TableSize(**said | ({"parent": (parent[0], parent[1])} if parent else {}))


def read_file(path: Path) -> Sizes:
    """Read a file that `written` made."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read {path}", detail=detail) from error
    return parse(text, str(path))


def _unusable(name: str, detail: str) -> UsageError:
    return UsageError(f"{name} does not hold the sizes of tables", detail=detail, hint=_AGAIN)
