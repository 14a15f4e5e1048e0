"""Reads PgBouncer's console, which speaks only the simple protocol, and so needs psycopg."""

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, OperationError, UsageError
from dbtool.health.pgbouncer import CONSOLE, OPTIONAL, SHOWN, Pooler, Row, pooler_of

if TYPE_CHECKING:
    from psycopg import AsyncConnection

CONNECT_SECONDS = 3
ANSWER_SECONDS = 3.0
_NEUTRAL = {
    "hostaddr": "",
    "options": "",
    "target_session_attrs": "any",
    "gssencmode": "disable",
    "application_name": "dbtool",
}
"""What libpq would else take from PG* variables and PgBouncer refuses, or be led astray by."""

_NOBODY = "Is PgBouncer running, and are host and port right?"
_LOGIN = "Name a user of admin_users or stats_users of pgbouncer.ini in the URL."

_HINTS = MappingProxyType(
    {
        "not allowed": _LOGIN,
        "password": "Put the password into the URL, PGPASSWORD, or ~/.pgpass for its database"
        f' "{CONSOLE}".',
        "SSL": "PgBouncer offers TLS where client_tls_sslmode is set; sslmode=prefer takes what"
        " there is.",
    }
)


async def ask(named: Target) -> Pooler:
    """What the PgBouncer shows that this URL leads to, whichever of its databases it names."""
    target = named.with_database(CONSOLE)
    connection = await _connect(target)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            shown = {name: await _show(connection, name) for name in SHOWN}
    except TimeoutError as error:
        raise _silent(target) from error
    except Exception as error:
        raise _failed(error, target) from error
    finally:
        await connection.close()
    return pooler_of(target.address, shown)


def require() -> None:
    """Raise UsageError where psycopg is not installed."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "--pgbouncer needs psycopg, which is not installed",
            detail="PgBouncer's console speaks only the simple protocol, and asyncpg does not.",
            hint="pip install 'dbtool-pg[pgbouncer]'",
        ) from error


async def _connect(target: Target) -> "AsyncConnection[Any]":
    from psycopg import AsyncConnection

    try:
        async with asyncio.timeout(CONNECT_SECONDS + 1):
            return await AsyncConnection.connect(autocommit=True, **_parameters(target))
    except TimeoutError as error:
        raise _silent(target) from error
    except Exception as error:
        raise _refused(error, target) from error


def _parameters(target: Target) -> dict[str, Any]:
    given = dict(target.parameters)
    given.pop("pgbouncer", None)
    named = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "dbname": target.database,
        "password": target.secret(),
        "sslmode": target.sslmode or "prefer",
        "connect_timeout": given.get("connect_timeout", CONNECT_SECONDS),
    }
    return {
        **given,
        **{key: value for key, value in named.items() if value is not None},
        **_NEUTRAL,
    }


async def _show(connection: "AsyncConnection[Any]", name: str) -> tuple[Row, ...]:
    from psycopg import DatabaseError

    try:
        cursor = await connection.execute(f"SHOW {name}".encode())
    except DatabaseError:
        # Other poolers that speak like it do not know every list.
        if name not in OPTIONAL:
            raise
        return ()
    columns = [column.name for column in cursor.description or ()]
    return tuple(dict(zip(columns, row, strict=True)) for row in await cursor.fetchall())


def _silent(target: Target) -> ConnectError:
    return ConnectError(
        f"the PgBouncer at {target.address} does not answer",
        detail=f"Named by {target.source}.",
        hint="It may be stopped or stalled: look at the process and at its log.",
    )


def _refused(error: Exception, target: Target) -> DbtoolError:
    told = str(error).strip()
    if f'database "{CONSOLE}" does not exist' in told:
        return UsageError(
            f"{target.address} is a PostgreSQL server and no PgBouncer",
            detail=f"Named by {target.source}; it has no console.",
            hint="Name host and port of PgBouncer itself: 6432, unless it is set otherwise.",
        )
    if "timeout expired" in told:
        return _silent(target)
    hint = next((hint for word, hint in _HINTS.items() if word in told), _NOBODY)
    return ConnectError(f"cannot connect to the PgBouncer {target.named}", detail=told, hint=hint)


def _failed(error: Exception, target: Target) -> DbtoolError:
    if isinstance(error, DbtoolError):
        return error
    return OperationError(
        f"{target.shown} does not answer as PgBouncer's console does",
        detail=str(error).strip(),
        hint=_LOGIN,
    )
