"""One guarded transaction: read only, limited in time, always rolled back."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

import asyncpg
from asyncpg.exceptions import PostgresError

from dbtool.database.pooler import Patience
from dbtool.errors import ConnectError
from dbtool.explain.build import build
from dbtool.explain.compiling import UNCOMPILED
from dbtool.explain.deepjson import loads
from dbtool.explain.failures import Sent
from dbtool.explain.lockwatch import LockWatch
from dbtool.explain.plan import Plan
from dbtool.sql.text import quoted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_PLANNED = "EXPLAIN (VERBOSE, FORMAT JSON) "
_SET = "SELECT pg_catalog.set_config($1, $2, true)"
LOCK_TIMEOUT = 2.0
IDLE_TIMEOUT = 30.0
LONGEST_TRANSACTION = 2_000_000.0
"""Seconds; the server counts milliseconds in 32 bits."""

GRACE = 5.0
"""Seconds beyond its timeout after which a server that says nothing is given up."""


class RefusedByServerError(Exception):
    """The server raised an error for what was sent."""

    def __init__(self, error: PostgresError, sent: Sent) -> None:
        super().__init__(str(error))
        self.error = error
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Session:
    """A connection inside the guarded transaction."""

    connection: "Connection"
    seconds: float
    writes: bool = False
    watch: LockWatch | None = None

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(self.connection.get_server_version().major)

    async def plan(self, statement: str, line: int) -> Plan:
        """Plan one statement without running it."""
        return await self._explain(_PLANNED, statement, line)

    async def run(self, statement: str, line: int, *, timing: bool = True) -> Plan:
        """Run one statement and see what happened; what it wrote is taken back at once."""
        options = ["ANALYZE", "VERBOSE", "BUFFERS", "SETTINGS", "FORMAT JSON"]
        if self.major >= 17:
            options.insert(-1, "MEMORY")
        if self.writes:
            options.insert(-1, "WAL")
        if not timing:
            options.insert(-1, "TIMING OFF")
        if self.writes:
            await self.connection.execute("SAVEPOINT dbtool_run")
        plan = await self._explain(f"EXPLAIN ({', '.join(options)}) ", statement, line)
        if self.writes:
            await self.connection.execute("ROLLBACK TO SAVEPOINT dbtool_run")
        return plan

    async def generic(self, statement: str, line: int, parameters: int) -> Plan:
        """Plan one statement for any values, as a prepared statement run often is planned."""
        name = f"dbtool_{secrets.token_hex(6)}"
        prepare = f"PREPARE {name} AS "
        await self._send(prepare + statement, Sent(statement, line, len(prepare), self.seconds))
        nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        # What is prepared outlives the transaction, and behind a pooler the connection.
        end = f"DEALLOCATE {name}"
        try:
            await self.connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            plan = await self._explain(_PLANNED, f"EXECUTE {name}{nulls}", line)
        except RefusedByServerError:
            end = f"ROLLBACK; {end}"
            raise
        finally:
            if not self.connection.is_closed():
                await self.connection.execute(end)
        return plan

    async def _explain(self, prefix: str, statement: str, line: int) -> Plan:
        """Statements travel one at a time in the extended protocol, which takes no second."""
        sent = Sent(statement, line, len(prefix), self.seconds)
        answer = str(await self._send(prefix + statement, sent))
        return replace(build(loads(answer)[0]), raw=answer)

    async def _send(self, text: str, sent: Sent) -> object:
        answer = self.connection.fetchval(text, timeout=self.seconds + GRACE)
        try:
            return await (self.watch.over(text, answer) if self.watch else answer)
        except PostgresError as error:
            raise RefusedByServerError(error, sent) from error
        except TimeoutError as error:
            raise ConnectError(
                "the server no longer answers",
                detail=f"Nothing came for {self.seconds + GRACE:g} s.",
            ) from error

    async def parameter_types(self, statement: str, line: int) -> tuple[str, ...]:
        """The type the server infers for each `$n`."""
        answer = self.connection.prepare(statement)
        try:
            prepared = await (self.watch.over(statement, answer) if self.watch else answer)
        except PostgresError as error:
            raise RefusedByServerError(error, Sent(statement, line, 0, self.seconds)) from error
        return tuple(_type(each) for each in prepared.get_parameters())


def _type(parameter: asyncpg.Type) -> str:
    element = parameter.name.removesuffix("[]")
    array = parameter.name[len(element) :]
    return f"{quoted(parameter.schema)}.{quoted(element)}{array}"


class Purpose(Enum):
    """What a transaction is for: to read, to ask the catalog before that, or to write."""

    READ = auto()
    ASK = auto()
    WRITE = auto()


@asynccontextmanager
async def guarded(
    connection: "Connection",
    seconds: float,
    patience: Patience | None = None,
    *,
    purpose: Purpose = Purpose.READ,
    runs: int = 1,
    settings: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[Session]:
    """The transaction; whatever happens inside, nothing of it stays, nor of its settings.

    What is asked first is not compiled; whoever asks lets the statement be, by AS_BEFORE.
    """
    session = Session(connection, seconds, purpose is Purpose.WRITE)
    begin, asks = _begin(session, runs), purpose is Purpose.ASK
    begins = connection.execute(f"{begin}; {UNCOMPILED}" if asks and not settings else begin)
    try:
        await (patience.first(begins) if patience else begins)
    except PostgresError as error:
        raise RefusedByServerError(error, Sent("", 1, 0, seconds)) from error
    try:
        for name, value in settings:
            await connection.execute(_SET, name, value)
        if asks and settings:
            await connection.execute(UNCOMPILED)
        yield session
    finally:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")


def _begin(session: Session, runs: int) -> str:
    limits = {
        "statement_timeout": session.seconds,
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
    }
    if session.major >= 17:
        whole = (runs + 1) * session.seconds + IDLE_TIMEOUT
        limits["transaction_timeout"] = min(whole, LONGEST_TRANSACTION)
    settings = [f"SET LOCAL {name} = {value * 1000:.0f}" for name, value in limits.items()]
    begin = "BEGIN READ WRITE" if session.writes else "BEGIN READ ONLY"
    return "; ".join([begin, *settings, "SET LOCAL standard_conforming_strings = on"])
