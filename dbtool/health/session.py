"""The one read-only connection through which a health question is asked."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, LockNotObtained, OperationError, UsageError
from dbtool.health.redact import Shown, in_full, redact

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_SIGNALS = re.compile(r"pg_signal_\w+")
"""The role that may, which the server names in every language."""

_SIGNALLING = frozenset({"pg_cancel_backend", "pg_terminate_backend"})
"""Where the server refuses without naming such a role, only a superuser may."""

TAKES_SUPERUSER = "A session of a superuser takes a superuser."

STATEMENT_SECONDS = 2
GRACE_SECONDS = 1.0
"""How much longer than the server's own limit the client waits for a server that froze."""

FAREWELL_SECONDS = 0.3
"""How long a statement's cancellation and the log-out may take at the end."""

LIMITS = MappingProxyType(
    {
        "lock_timeout": "100ms",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": "5s",
        # Compiling a question that reads a large catalog takes longer than answering it.
        "jit": "off",
    }
)


@dataclass(frozen=True, slots=True)
class Driver:
    """The versions installed beside dbtool, which are the application's where it runs there."""

    asyncpg: str
    sqlalchemy: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What was connected to; `pooler` holds the evidence that a pooler stands before the server."""

    database: str
    pooler: tuple[str, ...] = ()
    driver: Driver | None = None


class Session:
    """An open connection that answers statements which return one JSON text.

    `seconds` is how long the server lets one statement run; `literals` says that statements of
    others are to be shown with their values.
    """

    def __init__(
        self,
        target: Target,
        connection: "Connection",
        seconds: int = STATEMENT_SECONDS,
        *,
        literals: bool = False,
    ) -> None:
        self.shown: Shown = in_full if literals else redact
        self._target = target
        self._connection = connection
        self._seconds = seconds

    async def read(self, sql: str) -> dict[str, Any]:
        """Run one statement within the limits and parse what it returns.

        The statement must cast its result to text: asyncpg then needs no look at the types.
        """
        try:
            async with asyncio.timeout(self._seconds + GRACE_SECONDS):
                answer: dict[str, Any] = json.loads(await self._fetch(sql))
                return answer
        except TimeoutError as error:
            raise await self._silence() from error
        except Exception as error:
            raise _explained(error, self._target, self._seconds) from error

    async def _silence(self) -> DbtoolError:
        from dbtool.database.pooler import unanswered

        return await unanswered(self._target, self._seconds + GRACE_SECONDS)

    @property
    def version(self) -> int:
        """The server's major version, as it said at the login."""
        return int(self._connection.get_server_version().major)

    @property
    def alive(self) -> bool:
        """Whether the connection can still be asked."""
        return not self._connection.is_closed()

    async def _fetch(self, sql: str) -> str:
        from asyncpg.exceptions import PostgresError

        async with self._connection.limits(self._seconds):
            try:
                text: str = await self._connection.fetchval(sql)
            except PostgresError:
                raise
            except BaseException:
                # A server that stopped answering would not answer a ROLLBACK either.
                await _close(self._connection)
                raise
        return text

    def endpoint(self, backend_pid: int) -> Endpoint:
        """The endpoint, judged by the server's own process id among other things."""
        evidence = [self._connection.refused] if self._connection.refused else []
        announced = self._connection.get_server_pid() & 0xFFFF_FFFF
        if announced != backend_pid:
            evidence.append(f"it announced process {announced}, but process {backend_pid} answered")
        driver = _installed() if evidence else None
        return Endpoint(self._target.shown, tuple(evidence), driver)


def _installed() -> Driver:
    from importlib.metadata import version

    return Driver(version("asyncpg"), version("sqlalchemy"))


@asynccontextmanager
async def session(
    target: Target, seconds: int = STATEMENT_SECONDS, *, literals: bool = False
) -> AsyncIterator[Session]:
    """One connection for one question, read-only and with limits the server enforces."""
    limits = {**LIMITS, "statement_timeout": f"{seconds}s"}
    connection = await connect(target, read_only=True, settings=limits)
    try:
        yield Session(target, connection, seconds, literals=literals)
    finally:
        await _close(connection)


async def _close(connection: "Connection") -> None:
    try:
        await connection.close(timeout=FAREWELL_SECONDS)
    except Exception:
        connection.terminate()


def _console(target: Target) -> UsageError:
    """The database that PgBouncer, and whoever speaks like it, has for its own commands."""
    import shlex

    words = ("-h", target.host, "-p", str(target.port), "-U", target.user, target.database)
    return UsageError(
        f"{target.shown} is a pooler's console, not a database",
        detail="It takes SHOW commands and no SQL; connections are counted on the server behind.",
        hint="Name a database behind it. The pooler's own queue:"
        f" psql {shlex.join(words)} -c 'SHOW POOLS'",
    )


def _not_allowed(error: Exception, target: Target) -> OperationError:
    from dbtool.sql.names import identifier

    told = f"{error.args[0]}\n{getattr(error, 'detail', None) or ''}".strip()
    hint = f"dbtool doctor --grants {target.user} prints the least rights that role needs."
    if role := _SIGNALS.search(told):
        hint = f"GRANT {role[0]} TO {identifier(target.user)}"
    elif getattr(error, "server_source_function", None) in _SIGNALLING:
        hint = TAKES_SUPERUSER
    return OperationError(f"role {target.user} may not do that", detail=told, hint=hint)


def _explained(error: Exception, target: Target, seconds: int) -> DbtoolError:
    """The error a user can act on, for a statement that failed after the login."""
    import asyncpg

    match error:
        case DbtoolError():
            return error
        case asyncpg.QueryCanceledError():
            return OperationError(
                f"the server did not answer within {seconds} s",
                detail=str(error),
                hint="It may be short of CPU or memory; try once more, then look at the machine.",
            )
        case asyncpg.LockNotAvailableError():
            return LockNotObtained(
                "a system catalogue is locked",
                detail=str(error),
                hint="Find who runs VACUUM FULL, CLUSTER or REINDEX on a system catalogue.",
            )
        case asyncpg.InsufficientPrivilegeError():
            return _not_allowed(error, target)
        case asyncpg.ProtocolViolationError() if "invalid command" in str(error):
            return _console(target)
        case asyncpg.ProtocolViolationError():
            return OperationError(
                f"{target.shown} does not answer as a PostgreSQL database does",
                detail=str(error),
                hint="Is another program than PostgreSQL listening there?",
            )
        case asyncpg.PostgresConnectionError() | asyncpg.exceptions.InterfaceError() | OSError():
            return OperationError(
                f"{target.shown} closed the connection before it answered",
                detail=str(error),
                hint="The server may be stopping or restarting; try once more.",
            )
    return OperationError(f"{target.shown} refused the question", detail=str(error))
