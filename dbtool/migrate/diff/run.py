"""Build the models in a throwaway server and compare them with what a database holds."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.errors import DbtoolError, OperationError
from dbtool.migrate.diff.build import Built, around, build
from dbtool.migrate.diff.cache import Cache
from dbtool.migrate.diff.compare import compare, partitions
from dbtool.migrate.diff.ddl import Script, Unbuilt, script
from dbtool.migrate.diff.events import lacking
from dbtool.migrate.diff.scope import metadatas_of, tables_of, translated
from dbtool.migrate.diff.settled import settled
from dbtool.migrate.difference import Difference, Uncompared
from dbtool.ports import Progress
from dbtool.scratch.binaries import Binaries, find_binaries
from dbtool.scratch.server import Server, throwaway

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_PATIENCE = "SET LOCAL lock_timeout = '2s'; SET LOCAL jit = off"
_LOCKED = "55P03"
_FUNCTIONS = """
SELECT pg_catalog.pg_get_functiondef(p.oid)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
   AND p.prokind IN ('f', 'p')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.objid = p.oid AND d.deptype = 'e'
                      AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
 ORDER BY p.oid
"""
_HOLDERS = """
SELECT DISTINCT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
   AND c.relkind IN ('r', 'p', 'i', 'I', 'm', 'v')
   AND l.database = (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname = pg_catalog.current_database())
 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Live:
    """What a database holds, and the functions models may call."""

    catalog: Catalog
    functions: tuple[str, ...]


@dataclass(slots=True)
class Compared:
    """What differs, what could not be compared, and the tables that only Alembic can judge."""

    differences: list[Difference] = field(default_factory=list)
    uncompared: list[Uncompared] = field(default_factory=list)
    suspect: set[str] = field(default_factory=set)
    major: int = 0


def read(connection: SyncConnection) -> Live | Uncompared:
    """Two statements for any number of tables; a table locked meanwhile is not waited for."""
    from asyncpg.exceptions import PostgresError

    async def look(opened: "Connection") -> Live:
        async with opened.transaction():
            await opened.execute(_PATIENCE)
            found = await catalog.read(opened)
            functions = await opened.fetch(_FUNCTIONS)
            return Live(found, tuple(row[0] for row in functions))

    try:
        return connection.run(look)
    except PostgresError as error:
        if getattr(error, "sqlstate", "") != _LOCKED:
            raise
    locked = ", ".join(row[0] for row in connection.fetch(_HOLDERS)) or "a table"
    return Uncompared(
        f"the database: {locked} is locked by another session",
        "a second run, once that session has ended",
    )


def read_now(connection: SyncConnection) -> Live:
    """The same, where nothing can be done without it."""
    found = read(connection)
    if isinstance(found, Uncompared):
        raise OperationError(f"not compared: {found.what}", hint=f"Needed: {found.decide}.")
    return found


def diff(
    contexts: Sequence[MigrationContext],
    live: Live,
    progress: Progress,
    cache: Cache,
    running: Server | None = None,
) -> Compared:
    """Compare each context of env.py; raises DbtoolError where no server can be started."""
    compared = Compared()
    told: dict[Difference, list[str]] = {}
    left: dict[Uncompared, None] = {}
    with Builder(cache, progress, running) as builder:
        for context in contexts:
            built = builder.build(context, live)
            found = compare(context, built, live.catalog)
            compared.suspect |= found.suspect
            for each in found.differences:
                told.setdefault(each, []).append(context.dialect.default_schema_name or "")
            left |= dict.fromkeys(map(unbuilt, built.unbuilt))
            left |= dict.fromkeys(lacking(built.catalog, live.catalog))
            left |= dict.fromkeys(_partitions(context, live.catalog))
            left |= dict.fromkeys(_translated(context))
        compared.major = builder.major or live.catalog.version_number // 10000
    compared.uncompared += left
    compared.differences += _of_schemas(told, contexts)
    return compared


def _of_schemas(
    told: Mapping[Difference, Sequence[str]], contexts: Sequence[MigrationContext]
) -> Iterator[Difference]:
    """What several schemas differ in alike is one difference, which names them."""
    schemas = {context.dialect.default_schema_name for context in contexts}
    for each, found in told.items():
        yield replace(each, schemas=tuple(found)) if len(schemas) > 1 else each


def _binaries(major: int) -> Binaries:
    """Of the database's own version where there is one: others print some things differently."""
    try:
        return find_binaries(major)
    except DbtoolError:
        return find_binaries(None)


class Builder(ExitStack):
    """Builds models in one server, which is started for the first that were not built before.

    Tables the database plainly has as the models want them are taken from there; of those with a
    condition that only a server can print, that alone is built first. `major` is
    the version of the server that printed the others.
    """

    def __init__(self, cache: Cache, progress: Progress, running: Server | None) -> None:
        super().__init__()
        self.major = running.binaries.major if running else 0
        self._cache, self._progress = cache, progress
        self._server = running

    def build(self, context: MigrationContext, live: Live) -> Built:
        """The models of a context as the server prints them."""
        default = context.dialect.default_schema_name or "public"
        written = script(metadatas_of(context), context.dialect)
        known = settled(
            written, live.catalog, default, lambda asked: self._built(asked, live, default)
        )
        left = known.left(written)
        if not left.statements and not written.unbuilt:
            joined = known.alone()
        elif known.tables:
            built = self._built(left, live, default)
            joined = known.with_built(built) if not built.unbuilt else None
        else:
            joined = None
        if joined is not None:
            return joined
        return self._built(written, live, default)

    def _built(self, written: Script, live: Live, default: str) -> Built:
        server = self._server
        binaries = server.binaries if server else _binaries(live.catalog.version_number // 10000)
        self.major = binaries.major
        beside = around(live.catalog, live.functions, default)
        name = self._cache.name(binaries, written, beside)
        if (kept := self._cache.get(name)) is not None:
            return kept
        if server is None:
            self._progress.step("building the models in a throwaway PostgreSQL")
            self._server = server = self.enter_context(throwaway(binaries.major))
        # A server that runs already may have been built in before.
        target = server.create_database(f"models_{token_hex(6)}")
        built = build(target, written, beside)
        if not any(each.extension for each in built.unbuilt):
            self._cache.put(name, built)
        return built


def unbuilt(each: Unbuilt) -> Uncompared:
    """What the models describe and could not be created, and what would help."""
    if each.extension:
        return Uncompared(
            f"what may need extension {each.name}, which the throwaway server has no files of",
            f"its files on this machine, or DBTOOL_PG_BIN with programs that have {each.name}",
        )
    needed = "what it needs in the models, or in the database compared with"
    if each.brought:
        needed = (
            "what it needs in the models, or the extension or revision that brings it,"
            " in the database compared with"
        )
    return Uncompared(
        f"{each.name}, which cannot be created from the models alone: {each.reason}", needed
    )


def _translated(context: MigrationContext) -> Iterator[Uncompared]:
    """Models in a schema that has another name in the database."""
    names = sorted(translated(context).keys() & {e.schema for e in tables_of(context)})
    if names:
        yield Uncompared(
            f"tables of schema {', '.join(names)}, which schema_translate_map leads elsewhere",
            "a search_path in env.py instead: a name without a schema is found by it",
        )


def _partitions(context: MigrationContext, live: Catalog) -> Iterator[Uncompared]:
    names = sorted(partitions(context, live))
    if names:
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield Uncompared(
            f"{listed}: partitions of tables in the models, and in no model themselves",
            "a model for each, or include_object in env.py",
        )
