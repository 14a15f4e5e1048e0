"""Read where a database stands from its version table, over our own connection."""

from collections.abc import Callable, Iterable

from asyncpg.exceptions import InsufficientPrivilegeError

from dbtool.database.sync import SyncConnection
from dbtool.errors import OperationError
from dbtool.migrate.record import Record, Table
from dbtool.sql.names import identifier

_TABLES = """
    SELECT n.nspname, c.relname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = $1 AND c.relkind IN ('r', 'p')
     ORDER BY n.nspname = $2 DESC, n.nspname
"""


def read_versions(connection: SyncConnection, table: Table) -> tuple[str, ...]:
    """The revisions recorded in a version table; none where it does not exist."""
    for schema, name in connection.fetch(_TABLES, table.name, table.schema or ""):
        if table.schema in (None, schema):
            return _versions(connection, schema, name)
    return ()


def _versions(connection: SyncConnection, schema: str, name: str) -> tuple[str, ...]:
    rows = connection.fetch(f"SELECT version_num FROM {identifier(schema)}.{identifier(name)}")
    return tuple(sorted(row[0] for row in rows))


def verify(
    connection: SyncConnection, record: Record, database: str, note: Callable[[str], None]
) -> None:
    """The version tables must stand where the run should have left them.

    This is what catches a run that went past SQLAlchemy, or whose transaction was never
    committed. Where env.py has a role of its own, ours may not be allowed to look.
    """
    for table in record.tables:
        if table.after == table.before:
            continue
        try:
            found = read_versions(connection, table)
            if found == table.after:
                continue
        except InsufficientPrivilegeError:
            note(f"the role of the URL may not read {table.shown}: what it records is unverified")
            continue
        except Exception as error:
            raise _unreadable(database, error) from error
        raise OperationError(
            f"the run reported success, and {database} does not stand where it should",
            detail=f"{table.shown} should record {shown(table.after)} and records {shown(found)}."
            " Either env.py never commits its transaction, or it works on a connection that it"
            " opened with the driver itself, perhaps to another database.",
            hint="Let env.py run its migrations inside context.begin_transaction(), on a"
            " connection of its SQLAlchemy engine.",
        )


def _unreadable(database: str, error: Exception) -> OperationError:
    """Our own connection was lost, so that nobody has seen where the run led."""
    return OperationError(
        f"the run reported success, and {database} could not be asked where it stands",
        detail=f"{type(error).__name__}: {error}",
        hint="Once the server answers: dbtool current.",
    )


def shown(revisions: Iterable[str]) -> str:
    """Revisions as they are printed."""
    return ", ".join(revisions) or "no revision"
