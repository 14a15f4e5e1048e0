"""What a database holds: tables, columns, constraints, indexes, types and the rest."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dbtool.catalog import objects, parts, relations
from dbtool.catalog.objects import (
    Domain,
    DomainConstraint,
    Enum,
    Extension,
    Function,
    OwnedBy,
    Sequence,
)
from dbtool.catalog.parts import Column, Constraint, Index, Key, Name, Trigger
from dbtool.catalog.relations import Table, View

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = [
    "SETTINGS",
    "Catalog",
    "Column",
    "Constraint",
    "Domain",
    "DomainConstraint",
    "Enum",
    "Extension",
    "Function",
    "Index",
    "Key",
    "Name",
    "OwnedBy",
    "Sequence",
    "Table",
    "Trigger",
    "View",
    "read",
]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The objects of one database, each kind ordered by schema and name.

    Definitions are the server's own canonical text with every user name qualified, so that
    two databases of one version can be compared: oids, owners and statistics do not count.
    What belongs to an extension is left out.
    """

    version_number: int
    database: str = field(compare=False)
    schemas: tuple[str, ...]
    tables: tuple[Table, ...]
    views: tuple[View, ...]
    sequences: tuple[Sequence, ...]
    enums: tuple[Enum, ...]
    domains: tuple[Domain, ...]
    functions: tuple[Function, ...]
    extensions: tuple[Extension, ...]

    def table(self, name: str, schema: str = "public") -> Table | None:
        """One table, or None."""
        return next((t for t in self.tables if (t.schema, t.name) == (schema, name)), None)


SETTINGS = MappingProxyType({"jit": "off", "lock_timeout": "2s"})
"""What to give `connect`: compiling so large a statement takes longer than running it."""


async def read(connection: "Connection", schemas: Iterable[str] | None = None) -> Catalog:
    """Read the named schemas, or all that are not the system's, in one statement.

    Not for a server in an incident: the definitions come from pg_get_indexdef and its like,
    which take an AccessShareLock on each relation and wait behind an AccessExclusiveLock.
    """
    statement = _statement(connection.get_server_version().major)
    wanted = None if schemas is None else json.dumps(list(schemas))
    row = await connection.fetchrow(statement, wanted)
    said = json.loads(row["catalog"])
    return Catalog(
        version_number=said["version_number"],
        database=said["database"],
        schemas=tuple(said["schemas"]),
        tables=tuple(map(relations.table, said["tables"])),
        views=tuple(map(relations.view, said["views"])),
        sequences=tuple(map(objects.sequence, said["sequences"])),
        enums=tuple(map(objects.enum, said["enums"])),
        domains=tuple(map(objects.domain, said["domains"])),
        functions=tuple(Function(**each) for each in said["functions"]),
        extensions=tuple(Extension(**each) for each in said["extensions"]),
    )


def _statement(version: int) -> str:
    """The one statement, for a server of that major version.

    The canonical text of types and definitions depends on search_path. CASE guarantees that
    the path is empty before the subqueries run; the caller's path is put back after them,
    since in an open transaction a local setting would outlive this statement.
    """
    return f"""
WITH spaces AS MATERIALIZED (
    SELECT oid, nspname
    FROM pg_catalog.pg_namespace
    WHERE CASE WHEN $1::text IS NULL
               THEN nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
               ELSE nspname IN (SELECT pg_catalog.json_array_elements_text($1::json)) END
),
members AS MATERIALIZED (
    SELECT classid, objid
    FROM pg_catalog.pg_depend
    WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
),
{parts.ctes(version)}
SELECT CASE WHEN pg_catalog.set_config('search_path', '', true) = '' THEN
    pg_catalog.json_build_object(
        'version_number', pg_catalog.current_setting('server_version_num')::int,
        'database', pg_catalog.current_database(),
        'schemas', (SELECT coalesce(json_agg(nspname ORDER BY nspname), '[]') FROM spaces),
        'tables', ({relations.TABLES}),
        'views', ({relations.VIEWS}),
        'sequences', ({objects.SEQUENCES}),
        'enums', ({objects.ENUMS}),
        'domains', ({objects.DOMAINS}),
        'functions', ({objects.FUNCTIONS}),
        'extensions', ({objects.EXTENSIONS})
    )::text END AS catalog,
    pg_catalog.set_config('search_path', caller.path, true)
FROM (SELECT pg_catalog.current_setting('search_path') AS path OFFSET 0) AS caller
"""
