"""One asyncpg connection that knows which of its settings still have to be set per transaction."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
from asyncpg.exceptions import PostgresError

from dbtool.database.target import Target, tls_parameters

if TYPE_CHECKING:
    import socket
    import ssl

_SYSTEM_AUTHORITIES = "system"
_FAREWELL = 2.0
_STEPS = 8
READ_ONLY = "default_transaction_read_only"


class Connection(asyncpg.Connection):
    """An asyncpg connection to one target.

    `refused` says why start-up options are not in force, and is empty where they are.
    `local_settings` are those options: they hold only inside `limits()`.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.refused = ""
        self.target: Target | None = None
        self.local_settings: tuple[tuple[str, str], ...] = ()
        self._asked: asyncio.Future[None] | None = None

    def _cancel_current_command(
        self, sent: "asyncio.Future[None]", *waiting: "asyncio.Future[None]"
    ) -> None:
        """Ask the server to cancel; `sent` is done once it was asked, or cannot be."""
        self._asked = sent
        asyncpg.Connection._cancel_current_command(self, sent, *waiting)

    async def close(self, *, timeout: float | None = None) -> None:
        """Log out; where the connection was lost, its server is still asked to cancel first.

        Only the network may have ended it, and what asks, if ended while it connects, leaves
        asyncio an error to tell of.
        """
        if self.is_closed() and self._asked is not None:
            # In steps: a machine that stands still uses up one of them, and not the whole time.
            for _ in range(_STEPS):
                if not self._asked.done():
                    await asyncio.wait([self._asked], timeout=(timeout or _FAREWELL) / _STEPS)
        await asyncpg.Connection.close(self, timeout=timeout)

    @property
    def socket(self) -> "socket.socket | None":
        """Our end of the connection; for asking the kernel about it, never for reading."""
        found: socket.socket | None = self._transport.get_extra_info("socket")
        return found

    @property
    def begin(self) -> str:
        """What begins a transaction that holds the refused options; empty where none were."""
        if not self.local_settings:
            return ""
        settings = dict(self.local_settings)
        start = "BEGIN READ ONLY" if settings.pop(READ_ONLY, "") == "on" else "BEGIN"
        return "; ".join([start, *(_set_local(*setting) for setting in settings.items())])

    @asynccontextmanager
    async def limits(self, wait: float = 10.0) -> AsyncIterator[None]:
        """Run the block with the requested settings in force.

        Where the endpoint refused them at start-up the block is one transaction, rolled back
        at its end unless the block ended it; elsewhere nothing is sent. A pooler that has no
        server connection for it within `wait` seconds is a ConnectError.
        """
        if not self.begin:
            yield
            return
        await self._begin(wait)
        try:
            yield
        finally:
            if not self.is_closed() and self.is_in_transaction():
                await self.execute("ROLLBACK")

    async def _begin(self, wait: float) -> None:
        from dbtool.database.pooler import refused_to_wait, unanswered

        assert self.target is not None
        try:
            async with asyncio.timeout(wait):
                await self.execute(self.begin)
        except TimeoutError as error:
            self.terminate()
            raise await unanswered(self.target, wait) from error
        except PostgresError as error:
            if told := refused_to_wait(error, self.target):
                raise told from error
            raise


def _set_local(name: str, value: str) -> str:
    literal = value.replace("'", "''")
    return f"SET LOCAL {name} = '{literal}'"


async def open_connection(
    target: Target, timeout: float, application_name: str, options: Mapping[str, str]
) -> Connection:
    """Connect once; options travel as start-up parameters."""
    server_settings = {"application_name": application_name, **options}
    if given := target.parameter("options"):
        server_settings["options"] = given
    connection: Connection = await asyncpg.connect(
        _tls_dsn(target),
        host=target.host,
        port=target.port,
        user=target.user,
        database=target.database,
        password=target.secret() or "",
        ssl=_tls(target),
        direct_tls=target.parameter("sslnegotiation") == "direct",
        target_session_attrs=target.parameter("target_session_attrs") or "any",
        timeout=timeout,
        # A named statement may meet another session's of the same name behind a pooler.
        statement_cache_size=0,
        server_settings=server_settings,
        connection_class=Connection,
    )
    connection.target = target
    return connection


def _tls(target: Target) -> "bool | str | ssl.SSLContext":
    if target.is_socket:
        return False
    if target.parameter("sslrootcert") == _SYSTEM_AUTHORITIES:
        import ssl

        return ssl.create_default_context()
    return target.sslmode or "prefer"


def _tls_dsn(target: Target) -> str | None:
    """Certificates reach asyncpg by a DSN only."""
    from urllib.parse import urlencode

    inner = tls_parameters(target)
    inner.pop("sslnegotiation", None)
    if inner.get("sslrootcert") == _SYSTEM_AUTHORITIES:
        del inner["sslrootcert"]
    return f"postgresql://?{urlencode(inner)}" if inner else None


async def connect_with_options(
    target: Target, timeout: float, application_name: str, options: Mapping[str, str], pooler: str
) -> Connection:
    """Connect; where a pooler refuses start-up options, once more without them."""
    refused = pooler
    if options and not pooler:
        try:
            connection = await open_connection(target, timeout, application_name, options)
        except asyncpg.ProtocolViolationError as error:
            refused = _refusal(error)
        else:
            if in_force(connection, options) and await _arrived(connection, options):
                return connection
            return _marked(connection, options, "the endpoint ignored a start-up option")
    connection = await open_connection(target, timeout, application_name, {})
    return _marked(connection, options, refused) if options else connection


def _marked(connection: Connection, options: Mapping[str, str], refused: str) -> Connection:
    connection.refused = refused
    connection.local_settings = tuple(options.items())
    return connection


def _refusal(error: asyncpg.ProtocolViolationError) -> str:
    if "startup parameter" in str(error):
        return f"the endpoint refused a start-up option: {error}"
    raise error


def in_force(connection: Connection, options: Mapping[str, str]) -> bool:
    """Whether read-only took effect, as far as the server reports it (14 and later)."""
    if options.get(READ_ONLY) != "on":
        return True
    return getattr(connection.get_settings(), READ_ONLY, "on") == "on"


async def _arrived(connection: Connection, options: Mapping[str, str]) -> bool:
    """Whether the options are in force where none of them is one the server reports by itself.

    PgBouncer drops those that its ignore_startup_parameters lists, and says nothing.
    """
    if READ_ONLY in options:
        return True
    names = ", ".join(f"'{name}'" for name in options)
    arrived = await connection.fetchval(
        f"SELECT count(*) FROM pg_catalog.pg_settings WHERE source = 'client' AND name IN ({names})"
    )
    return bool(arrived == len(options))
