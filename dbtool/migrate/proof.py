"""Prove that a script leads where a run led: run it on a copy and compare the two databases."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from asyncpg.exceptions import PostgresError

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.errors import OperationError
from dbtool.migrate import state
from dbtool.migrate.record import Record
from dbtool.report import listed
from dbtool.scratch.server import Server
from dbtool.sql.text import quoted

_DUPLICATE = "42710"
_PAST_SQLALCHEMY = (
    "Something was done past SQLAlchemy, with the driver's own cursor, COPY or a program."
    " Write it with op.execute, or add it to the script by hand."
)


def prove(server: Server, databases: tuple[str, str], script: Sequence[str], run: Record) -> str:
    """Run the statements in the second database and compare it with the first.

    Returns why that could not be done, or nothing; raises where they differ.
    """
    first, second = map(server.target, databases)
    with SyncConnection(second, settings=catalog.SETTINGS) as other:
        if reason := _run(other, script):
            return reason
        other.execute("RESET ALL")
        with SyncConnection(first, settings=catalog.SETTINGS) as one:
            differing = list(_differing(one, other, run))
    if differing:
        raise OperationError(
            "the SQL that was recorded does not lead where the run led",
            detail=f"They differ in {listed(differing, 5)}.",
            hint=_PAST_SQLALCHEMY,
        )
    return ""


def _run(connection: SyncConnection, script: Iterable[str]) -> str:
    for statement in script:
        try:
            connection.execute(statement)
        except PostgresError as error:
            is_role = " ROLE " in statement.upper()
            if is_role and getattr(error, "sqlstate", "") == _DUPLICATE:
                return f"it creates what all databases of a server share: {error}"
            raise OperationError(
                f"the SQL that was recorded does not run: {error}",
                detail=statement,
                hint="It ran with values that travelled apart from it; write them into it.",
            ) from error
    return ""


def _differing(one: SyncConnection, other: SyncConnection, run: Record) -> Iterator[str]:
    ours, theirs = (each.run(lambda opened: catalog.read(opened)) for each in (one, other))
    yield from _differing_objects(ours, theirs)
    for table in run.tables:
        if state.read_versions(one, table) != state.read_versions(other, table):
            yield table.shown
    for each in ours.tables:
        if theirs.table(each.name, each.schema) is None:
            continue
        count = f"SELECT count(*) FROM {quoted(each.schema)}.{quoted(each.name)}"
        if one.fetchval(count) != other.fetchval(count):
            yield f"the rows of {each.schema}.{each.name}"


def _differing_objects(ours: Catalog, theirs: Catalog) -> Iterator[str]:
    for part in fields(Catalog):
        if not part.compare:
            continue
        mine, other = getattr(ours, part.name), getattr(theirs, part.name)
        if mine == other:
            continue
        if not isinstance(mine, tuple):
            yield part.name
            continue
        yield from (_name(each) for each in {*mine} ^ {*other})


def _name(thing: object) -> str:
    if isinstance(thing, str):
        return f"schema {thing}"
    schema, name = getattr(thing, "schema", ""), getattr(thing, "name", thing)
    return f"{type(thing).__name__.lower()} {schema}.{name}" if schema else str(name)
