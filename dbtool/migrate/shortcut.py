"""Where a database stands, without env.py, Alembic or SQLAlchemy, wherever that is certain.

It is where the source of env.py says in plain words which version table it uses, the revisions
say in plain words how they follow each other, and the database is named. In every other case
the answer is None, and env.py has to run. `upgrade` asks for more: everything env.py does must
be known, since a team may rely on what else happens in it.
"""

import asyncio
from contextlib import chdir
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.database.connect import connect
from dbtool.database.waiting import wait_for_server
from dbtool.migrate import envfile
from dbtool.migrate.envfile import EnvFile
from dbtool.migrate.headers import read_all
from dbtool.migrate.lineage import Lineage, lineage
from dbtool.migrate.location import Place, script_directory, version_directories
from dbtool.migrate.project import Project
from dbtool.ports import Progress
from dbtool.sql.names import identifier

if TYPE_CHECKING:
    from dbtool.database.connection import Connection
    from dbtool.database.target import Target

_PATIENCE = {"lock_timeout": "2s"}
"""Whoever has locked the version table is for env.py's run to name."""

_TABLES = """
    SELECT session.*, n.nspname AS schema,
           (SELECT count(*) FROM pg_catalog.pg_namespace o
             WHERE o.oid <> n.oid AND o.nspname <> 'information_schema'
               AND o.nspname !~ '^pg_') AS other_schemas,
           c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident($1)) AS seen,
           pg_catalog.obj_description(c.oid, 'pg_class') AS comment
      FROM (SELECT pg_catalog.pg_backend_pid() AS backend,
                   pg_catalog.current_schema() AS first_schema) session
      LEFT JOIN pg_catalog.pg_class c
             ON c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""


@dataclass(frozen=True, slots=True)
class Versions:
    """What a version table records; `pooled` where a pooler hands the session from one to another.

    An interrupted run leaves what it must not forget in the comment.
    """

    table: str
    recorded: tuple[str, ...]
    pooled: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a database stands in a history."""

    target: "Target"
    versions: Versions
    lineage: Lineage
    pending: tuple[str, ...]


def files(place: Place) -> Lineage | None:
    """The history, where every revision says in plain words where it belongs."""
    with chdir(place.base):
        directories = version_directories(place)
        if directories is None:
            return None
        headers = read_all(directories, place.flag("recursive_version_locations"))
        return lineage(headers) if headers is not None else None


def environment(project: Project) -> EnvFile | None:
    """What env.py is known to do; None where it has to run to tell."""
    if project.target is None or project.x or project.search_path or project.schema:
        return None
    directory = script_directory(project.place)
    if directory is None:
        return None
    return envfile.read(directory / "env.py", project.place.options)


def position(project: Project, progress: Progress, *, inert: bool = False) -> Position | None:
    """Where the named database stands; None where only env.py can tell.

    With `inert` also where env.py may do more than run the migrations.
    """
    said = environment(project)
    if said is None or (inert and not said.inert) or project.target is None:
        return None
    if project.wait_db:
        wait_for_server(project.target, project.wait_db, progress)
    versions = asyncio.run(_ask(project.target, said))
    if versions is None or (inert and _may_have_work(versions)):
        return None
    history = files(project.place)
    if history is None:
        return None
    pending = history.pending(versions.recorded)
    return Position(project.target, versions, history, pending) if pending is not None else None


def _may_have_work(versions: Versions) -> bool:
    """Whether an upgrade has something to do, or to find out, whatever the files say."""
    return not versions.recorded or versions.pooled or bool(versions.comment)


async def _ask(target: "Target", said: EnvFile) -> Versions | None:
    connection = await connect(
        target, read_only=True, settings=_PATIENCE, application_name="dbtool migrations"
    )
    try:
        async with connection.limits():
            return await read_versions(connection, said)
    except PostgresError:
        return None
    finally:
        await connection.close(timeout=2.0)


async def read_versions(connection: "Connection", said: EnvFile) -> Versions | None:
    """What the version table records; None where it may be another than env.py's.

    Where env.py names no schema there must be one alone: a listener in what it imports, an
    option of its engine or of its role may set another search path than ours, and Alembic
    would then find, or make, a version table of the same name there.
    """
    rows = await connection.fetch(_TABLES, said.version_table)
    pooled = connection.get_server_pid() != rows[0]["backend"]
    tables = [each for each in rows if each["schema"] is not None]
    if said.schema is not None:
        tables = [each for each in tables if each["schema"] == said.schema]
    elif any(each["other_schemas"] or not each["seen"] for each in tables):
        return None
    if not tables:
        schema = said.schema or rows[0]["first_schema"]
        return Versions(f"{schema}.{said.version_table}", (), pooled)
    schema, comment = tables[0]["schema"], tables[0]["comment"] or ""
    name = f"{identifier(schema)}.{identifier(said.version_table)}"
    versions = await connection.fetch(f"SELECT version_num FROM {name}")
    recorded = tuple(sorted(row[0] for row in versions))
    return Versions(f"{schema}.{said.version_table}", recorded, pooled, comment)
