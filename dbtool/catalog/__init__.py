"""What a database holds: tables, columns, constraints, indexes, types and the rest."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dbtool.catalog import objects, parts, relations
from dbtool.catalog.columns import Base, Column, Name, name
from dbtool.catalog.objects import (
    Domain,
    DomainConstraint,
    Enum,
    Extension,
    Function,
    OwnedBy,
    Sequence,
)
from dbtool.catalog.parts import Constraint, Index, Key, Trigger
from dbtool.catalog.relations import Table, View

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = [
    "SETTINGS",
    "Base",
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
    "Named",
    "OwnedBy",
    "Reader",
    "Sequence",
    "Table",
    "Trigger",
    "View",
    "parse",
    "read",
    "statement",
    "text",
]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who read the catalogue, over what kind of session, and where names are looked up."""

    user: str
    read_only: bool
    standby: bool
    search_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A relation that was asked for by name; `shown` is how the reader's path lets it be written.

    Where nothing has that name both are None.
    """

    asked: str
    found: Name | None
    shown: str | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The objects of one database, each kind ordered by schema and name.

    Definitions are the server's own canonical text with every user name qualified, so that
    two databases of one version can be compared: oids, owners and statistics do not count.
    What belongs to an extension is left out.

    One read for single tables has an entry in `named` for each, these tables and views with
    their sequences and domains, whatever they belong to, and nothing else.
    """

    version_number: int
    database: str = field(compare=False)
    reader: Reader = field(compare=False)
    named: tuple[Named, ...] = field(compare=False)
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


async def read(
    connection: "Connection",
    schemas: Iterable[str] | None = None,
    *,
    tables: Iterable[str] | None = None,
) -> Catalog:
    """Read the named schemas, or all that are not the system's, in one statement.

    With `tables` only these: names as SQL, found as the session's search path finds them.
    Not for a server in an incident: the definitions come from pg_get_indexdef and its like,
    which take an AccessShareLock on each relation and wait behind an AccessExclusiveLock.
    """
    return parse(await text(connection, schemas, tables=tables))


async def text(
    connection: "Connection",
    schemas: Iterable[str] | None = None,
    *,
    tables: Iterable[str] | None = None,
) -> str:
    """What `read` reads, as it is sent; for keeping, `parse` makes the same of it again."""
    scope = _SCHEMAS if tables is None else _TABLES
    wanted = schemas if tables is None else tables
    said = _statement(connection.get_server_version().major, scope)
    row = await connection.fetchrow(said, None if wanted is None else json.dumps([*wanted]))
    return str(row["catalog"])


def statement(version: int) -> str:
    """The statement that reads all schemas, for drivers that know no `$1`."""
    return _statement(version, _SCHEMAS).replace("$1", "NULL")


def parse(text: str, table: Callable[[dict[str, Any]], Table] = relations.table) -> Catalog:
    """A catalog from its text; `table` may know a row of it already."""
    said = json.loads(text)
    return Catalog(
        version_number=said["version_number"],
        database=said["database"],
        reader=Reader(**said["reader"] | {"search_path": tuple(said["reader"]["search_path"])}),
        named=tuple(Named(**each | {"found": name(each["found"])}) for each in said["named"]),
        schemas=tuple(said["schemas"]),
        tables=tuple(map(table, said["tables"])),
        views=tuple(map(relations.view, said["views"])),
        sequences=tuple(map(objects.sequence, said["sequences"])),
        enums=tuple(map(objects.enum, said["enums"])),
        domains=tuple(map(objects.domain, said["domains"])),
        functions=tuple(Function(**each) for each in said["functions"]),
        extensions=tuple(Extension(**each) for each in said["extensions"]),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """The SQL that differs between reading schemas and reading single tables.

    `asked` are the relations named, `spaces` limits the schemas, `members` what belongs to an
    extension and is left out, `relations` the tables and views.
    """

    asked: str
    spaces: str
    members: str
    relations: str
    schemas: str
    sequences: str
    enums: str
    domains: str
    functions: str
    extensions: str


_SCHEMAS = _Scope(
    asked="SELECT NULL::text AS asked, NULL::oid AS oid WHERE false",
    spaces="""CASE WHEN $1::text IS NULL
               THEN nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
               ELSE nspname IN (SELECT pg_catalog.json_array_elements_text($1::json)) END""",
    members="true",
    relations="true",
    schemas="SELECT coalesce(json_agg(nspname ORDER BY nspname), '[]') FROM spaces",
    sequences=objects.SEQUENCES,
    enums=objects.ENUMS,
    domains=objects.DOMAINS,
    functions=objects.FUNCTIONS,
    extensions=objects.EXTENSIONS,
)
_NONE = "SELECT '[]'::json"
_TABLES = _Scope(
    asked="""SELECT asked, pg_catalog.to_regclass(asked)::oid AS oid
    FROM pg_catalog.json_array_elements_text($1::json) AS asked""",
    spaces="true",
    members="false",
    relations="c.oid IN (SELECT oid FROM asked)",
    schemas="SELECT coalesce(json_agg(DISTINCT schema ORDER BY schema), '[]') FROM relations",
    sequences=objects.SEQUENCES + objects.OF_TABLES,
    enums=_NONE,
    domains=objects.DOMAINS + objects.OF_COLUMNS,
    functions=_NONE,
    extensions=_NONE,
)

_CALLER = """
    SELECT pg_catalog.current_setting('search_path') AS path,
           pg_catalog.to_json(pg_catalog.current_schemas(false)) AS schemas,
           (SELECT coalesce(json_agg(json_build_object(
                'asked', asked.asked,
                'found', CASE WHEN r.oid IS NOT NULL THEN json_build_object(
                             'schema', r.schema, 'name', r.relname) END,
                'shown', r.oid::pg_catalog.regclass::text
            )), '[]') FROM asked LEFT JOIN relations AS r ON r.oid = asked.oid) AS named
    OFFSET 0
"""


def _statement(version: int, scope: _Scope) -> str:
    """The one statement, for a server of that major version.

    The canonical text of types and definitions depends on search_path. CASE guarantees that
    the path is empty before the subqueries run; the caller's path is put back after them,
    since in an open transaction a local setting would outlive this statement. What is to be
    said in the terms of the caller's path stands in FROM, which comes before all of that.
    """
    return f"""
WITH asked AS MATERIALIZED (
    {scope.asked}
),
spaces AS MATERIALIZED (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE {scope.spaces}
),
members AS MATERIALIZED (
    SELECT classid, objid
    FROM pg_catalog.pg_depend
    WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      AND {scope.members}
),
{parts.ctes(version, scope.relations)}
SELECT CASE WHEN pg_catalog.set_config('search_path', '', true) = '' THEN
    pg_catalog.json_build_object(
        'version_number', pg_catalog.current_setting('server_version_num')::int,
        'database', pg_catalog.current_database(),
        'reader', json_build_object(
            'user', current_user,
            'read_only', pg_catalog.current_setting('transaction_read_only')::bool,
            'standby', pg_catalog.pg_is_in_recovery(),
            'search_path', caller.schemas),
        'named', caller.named,
        'schemas', ({scope.schemas}),
        'tables', ({relations.TABLES}),
        'views', ({relations.VIEWS}),
        'sequences', ({scope.sequences}),
        'enums', ({scope.enums}),
        'domains', ({scope.domains}),
        'functions', ({scope.functions}),
        'extensions', ({scope.extensions})
    )::text END AS catalog,
    pg_catalog.set_config('search_path', caller.path, true)
FROM ({_CALLER}) AS caller
"""
