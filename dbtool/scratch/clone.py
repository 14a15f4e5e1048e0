"""A throwaway copy of a database on the server the user names."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target, pooled
from dbtool.errors import ConnectError, DbtoolError, OperationError, UsageError
from dbtool.sql.names import identifier

_PREFIX = "dbtool_clone_"
_MAINTENANCE = ("postgres", "template1")
_IN_USE = "55006"
_INSTEAD = "Without a clone dbtool works in a throwaway server of its own."
_LOCK_CLASS = 0x64627463
_LEFTOVERS = """
select datname from pg_database
where datname ~ '^dbtool_clone_[0-9a-f]{16}$'
  and pg_has_role(datdba, 'usage')
  and not exists (
    select from pg_locks
    where locktype = 'advisory' and classid = $1 and objid = hashtext(datname)::oid
  )
"""
_SESSIONS = """
select format('%s, process %s%s', coalesce(usename, backend_type), pid,
              coalesce(', application ' || nullif(application_name, ''), ''))
from pg_stat_activity
where datname = $1 and backend_type <> 'autovacuum worker' order by pid limit 5
"""


@contextmanager
def clone(of: Target, *, limit: float = 30.0) -> Iterator[Target]:
    """Copy a database for as long as the block lasts, on its own server.

    PostgreSQL copies only a database nobody is connected to, and lets nobody in meanwhile;
    `limit` bounds that time in seconds.
    """
    if reason := pooled(of):
        raise UsageError(
            f"cannot clone {of.shown} through a pooler",
            detail=f"It is one because {reason}; a copy would have no pool there.",
            hint="Name the server's direct address.",
        )
    with _maintenance(of) as connection:
        drop_leftovers(connection)
        name = new_name()
        hold(connection, name)
        try:
            _copy(connection, of, name, limit)
            yield of.with_database(name)
        finally:
            _drop(connection, name)


def new_name() -> str:
    """A name for a database that nobody else has."""
    return _PREFIX + secrets.token_hex(8)


def hold(connection: SyncConnection, name: str) -> None:
    """Keep others from taking a database of ours for a leftover while the session lasts."""
    connection.execute("set idle_session_timeout = 0")
    connection.execute("select pg_advisory_lock($1, hashtext($2))", _LOCK_CLASS, name)


def let_go(connection: SyncConnection, name: str) -> None:
    """Drop a database that was held."""
    _drop(connection, name)
    connection.execute("select pg_advisory_unlock($1, hashtext($2))", _LOCK_CLASS, name)


@contextmanager
def _maintenance(of: Target) -> Iterator[SyncConnection]:
    """A session on a database other than the one to be copied."""
    first_error: DbtoolError | None = None
    for name in _MAINTENANCE:
        if name == of.database:
            continue
        try:
            connection = SyncConnection(of.with_database(name), application_name="dbtool clone")
        except ConnectError as error:
            first_error = first_error or error
            continue
        with connection:
            yield connection
        return
    assert first_error is not None
    raise first_error


def _copy(connection: SyncConnection, of: Target, name: str, limit: float) -> None:
    from asyncpg.exceptions import PostgresError

    _refuse_while_in_use(connection, of)
    connection.execute(f"set statement_timeout = {round(limit * 1000)}")
    try:
        connection.execute(f"create database {name} template {identifier(of.database)}")
    except PostgresError as error:
        if getattr(error, "sqlstate", "") == _IN_USE:
            _refuse_while_in_use(connection, of)
        raise _explained(error, of, limit) from error
    finally:
        connection.execute("reset statement_timeout")


def _refuse_while_in_use(connection: SyncConnection, of: Target) -> None:
    """Ask first: the server itself would wait five seconds and keep new logins out meanwhile."""
    sessions = connection.fetch(_SESSIONS, of.database)
    if not sessions:
        return
    raise OperationError(
        f"cannot clone {of.shown} while others are connected to it",
        detail=f"Connected: {'; '.join(row[0] for row in sessions)}.",
        hint=f"Disconnect them and try again. {_INSTEAD}",
    )


def _explained(error: Exception, of: Target, limit: float) -> OperationError:
    detail, hint = str(error), _INSTEAD
    match getattr(error, "sqlstate", ""):
        case "42501":
            hint = f"It takes ALTER ROLE {identifier(of.user)} CREATEDB, and owning the database."
        case "57014":
            detail = f"Copying took longer than {limit:g} s, while nobody could log in to it."
    return OperationError(f"cannot clone {of.shown}", detail=detail, hint=hint)


def _drop(connection: SyncConnection, name: str) -> None:
    connection.execute(f"drop database if exists {name} with (force)")


def drop_leftovers(connection: SyncConnection) -> None:
    """Drop copies whose run was killed: its session, and with it the lock, is gone."""
    from asyncpg.exceptions import PostgresError

    for (name,) in connection.fetch(_LEFTOVERS, _LOCK_CLASS):
        # Another run may be dropping the same one.
        with suppress(PostgresError):
            _drop(connection, name)
