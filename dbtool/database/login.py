"""Say which stage of connecting failed, from the host name to the database, and what to do.

Network and TLS are told here; what the server itself answered is in `refusal`.
"""

import asyncio
import errno
import re
import socket
import ssl
import struct
from collections.abc import Awaitable
from pathlib import Path

from asyncpg.exceptions import InterfaceError, PostgresError, TargetServerAttributeNotMatched

from dbtool.database import refusal
from dbtool.database.target import Target, tls_parameters
from dbtool.errors import ConnectError, DbtoolError, UsageError

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""Asks whether there is TLS: what a server answers before it looks anything up."""

HOLDER = """\
Where a login to another database of the server works, dbtool locks --url … there shows who it is.
Else a session that is still open does, one of another database also where it is on pg_class:
SELECT pid, granted, database, mode, relation, objid FROM pg_locks
WHERE mode = 'AccessExclusiveLock' AND relation < 16384
   OR locktype = 'object' AND classid = 1262 AND mode <> 'RowExclusiveLock';
Database 0 is shared by all; an objid is the locked database. Where granted is false, logins wait
behind the one that waits: end it.
Leave pg_stat_activity alone, it would wait there too: on the host ps tells what that pid runs,
and SIGTERM ends a backend. Never a startup process: end the statement on the primary instead."""
"""How to find who holds up every login; it waits for no lock on a shared catalogue."""

_PROBE_LIMIT = 1.0
_CODE = re.compile(r"\[Errno (\d+)\]")
_NO_WAY_THERE = frozenset(
    {errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT}
)


async def explain(error: Exception, target: Target, limit: float) -> Exception:
    """The error a user can act on; an error that has nothing to do with connecting stays."""
    match error:
        case DbtoolError():
            return error
        case PostgresError():
            return refusal.explain(error, target)
        case TimeoutError():
            return await _timed_out(target, limit)
        case TargetServerAttributeNotMatched():
            wanted = target.parameter("target_session_attrs")
            return _failed(target, f"It is not {wanted}, which target_session_attrs asks for.")
        case InterfaceError():
            return UsageError(
                f"the connection string of {target.source} cannot be used",
                detail=str(error.args[0]),
                hint=getattr(error, "hint", None) or "",
            )
        case OSError():
            return _network(error, target)
    return error


def _failed(target: Target, detail: str, hint: str = "") -> ConnectError:
    return ConnectError(f"cannot connect to {target.named}", detail=detail, hint=hint)


def _network(error: OSError, target: Target) -> DbtoolError:
    match error:
        case socket.gaierror():
            return _unresolved(target, error)
        case ssl.SSLError():
            return _tls_failed(error, target)
        case ConnectionRefusedError():
            return _nobody_listens(target, "Connection refused.")
        case FileNotFoundError():
            return _file_missing(target)
        case PermissionError():
            return _failed(target, "The operating system does not let this user connect there.")
        case ConnectionResetError() | BrokenPipeError():
            return refusal.closed(target)
    if "rejected SSL upgrade" in str(error):
        return _no_tls(target)
    if _refused_everywhere(error):
        return _nobody_listens(target, "Connection refused.")
    return _failed(target, f"{error.strerror or error}.")


def _refused_everywhere(error: OSError) -> bool:
    """A name with several addresses fails with one error that only lists those of each."""
    codes = {int(code) for code in _CODE.findall(str(error))}
    return errno.ECONNREFUSED in codes and codes <= _NO_WAY_THERE


def _unresolved(target: Target, error: socket.gaierror) -> ConnectError:
    return ConnectError(
        f'cannot resolve the host name "{target.host}"',
        detail=f"{error.strerror}. It is in the connection string of {target.source}.",
        hint="Check the name, and whether a VPN has to be up.",
    )


def _nobody_listens(target: Target, detail: str) -> ConnectError:
    hint = "Is the server running, and are host and port right?"
    if target.is_local:
        hint = "Start it, or check host and port; dbtool local start runs one for development."
    return ConnectError(f"no server listens at {target.address}", detail=detail, hint=hint)


def _file_missing(target: Target) -> DbtoolError:
    if target.is_socket:
        return _nobody_listens(target, f"There is no socket {target.host}/.s.PGSQL.{target.port}.")
    for name, value in tls_parameters(target).items():
        if "/" in value and not Path(value).exists():
            return UsageError(
                f'{name} names the file "{value}", which does not exist',
                detail=f"It is in the connection string of {target.source}.",
            )
    return _failed(target, "A file that TLS needs does not exist.")


def _no_tls(target: Target) -> ConnectError:
    if target.sslmode in (None, "prefer"):
        return ConnectError(
            f"{target.address} does not answer as a PostgreSQL server does",
            detail="Another program listens there.",
            hint=f"Check host and port in the connection string of {target.source}.",
        )
    return ConnectError(
        f"the server at {target.address} does not offer TLS",
        detail=f"sslmode={target.sslmode} in the connection string of {target.source} asks for it.",
        hint="Turn on TLS on the server; sslmode=prefer takes what there is.",
    )


def _tls_failed(error: ssl.SSLError, target: Target) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "Name the authority that signed it with sslrootcert=FILE, or sslrootcert=system."
        if "mismatch" in error.verify_message:
            hint = "Connect by the name it was made for; sslmode=verify-ca does not compare names."
        return ConnectError(
            f"the certificate of {target.address} cannot be trusted",
            detail=error.verify_message,
            hint=hint,
        )
    return _failed(target, f"TLS failed: {error.reason or error}.")


async def _timed_out(target: Target, limit: float) -> ConnectError:
    """Find out how far it got: name, address, server or login."""
    hint = "Is it behind a firewall or VPN? A slow one may need a higher connect_timeout."
    if not await _works(_reach(target)):
        what = f"{target.address} did not answer within {limit:g} s"
        return ConnectError(what, detail=f"Named by {target.source}.", hint=hint)
    if await _works(_answers(target)):
        return _login_hangs(target, limit)
    return ConnectError(
        f"{target.address} accepts connections but did not reply within {limit:g} s",
        detail="The host is there; the server process is stalled, overloaded, or no PostgreSQL.",
        hint="Look at the host: CPU, memory, disk, a stopped process.",
    )


def _login_hangs(target: Target, limit: float) -> ConnectError:
    return ConnectError(
        f"{target.address} answers, but did not complete the login within {limit:g} s",
        detail="Something holds the login up: a lock on pg_authid or pg_database (VACUUM FULL, "
        "REINDEX or LOCK of it),\na lock on the database itself (DROP, SET TABLESPACE, template of "
        "a CREATE DATABASE),\nan LDAP, RADIUS or PAM service that checks the password, a host "
        "short of CPU or disk,\nor behind a pooler a server that does not answer.",
        hint=HOLDER,
    )


async def _works(attempt: Awaitable[None]) -> bool:
    try:
        await asyncio.wait_for(attempt, _PROBE_LIMIT)
    except (OSError, TimeoutError):
        return False
    return True


async def _reach(target: Target) -> None:
    _, writer = await _opened(target)
    writer.close()


async def _answers(target: Target) -> None:
    reader, writer = await _opened(target)
    try:
        writer.write(SSL_REQUEST)
        if await reader.read(1) not in (b"S", b"N"):
            raise ConnectionError
    finally:
        writer.close()


async def _opened(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.is_socket:
        return await asyncio.open_unix_connection(f"{target.host}/.s.PGSQL.{target.port}")
    return await asyncio.open_connection(target.host, target.port)
