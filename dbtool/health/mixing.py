"""Finds out what becomes of a prepared statement where a client is handed to another process.

Two clients prepare different statements under one name that nobody else has, and take turns in
transactions. A pooler that hands them each other's server connections then returns the other
one's rows, or knows no such statement; nothing of it is left behind.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.health.session import LIMITS

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

    from dbtool.database.connection import Connection

ROUNDS = 10
TURN_SECONDS = 1.0
"""How long one client may wait for its turn; a pooler of one connection never gives two."""

MOST_SECONDS = 10.0
"""How long all of it may take: a network that has gone silent is given up."""

FAREWELL_SECONDS = 0.3
Verdict = Literal["mixed", "kept", "unmoved", "undecided"]


@dataclass(frozen=True, slots=True)
class Mixing:
    """What was seen in `transactions` of two clients.

    In `moved` of them another process answered than the one that prepared the statement;
    `wrong` returned the other client's row, and in `failed` the name was unknown, or taken.
    `pooler` is whether another process answered than the one that was announced at the login.
    """

    pooler: bool
    transactions: int
    moved: int
    wrong: int
    failed: int

    @property
    def verdict(self) -> Verdict:
        """Mixed up; kept although clients moved; nobody moved; or too little was seen."""
        if self.wrong or self.failed:
            return "mixed"
        if self.transactions < ROUNDS:
            return "undecided"
        return "kept" if self.moved else "unmoved"


class _Client:
    """One connection, its own row, and the process in which it prepared its statement."""

    def __init__(self, connection: "Connection", own: str) -> None:
        self.connection = connection
        self.own = own
        self.home = 0
        self.statement: PreparedStatement | None = None

    async def prepare(self, name: str) -> None:
        """Prepare its statement where it is at the moment."""
        sql = f"SELECT pg_catalog.pg_backend_pid() AS pid, '{self.own}' AS own"
        self.statement = await self.connection.prepare(sql, name=name)
        self.home = await self._row_pid()

    @property
    def announced(self) -> int:
        """The process that was announced at the login, as the server would number it."""
        return int(self.connection.get_server_pid()) & 0xFFFF_FFFF

    async def _row_pid(self) -> int:
        return int(await self.connection.fetchval("SELECT pg_catalog.pg_backend_pid()"))

    async def ask(self) -> tuple[bool, bool]:
        """Whether another process answers now, and whether with another client's row."""
        assert self.statement is not None
        moved = await self._row_pid() != self.home
        row = await self.statement.fetchrow()
        return moved, row is None or row["own"] != self.own


async def mixing(target: Target) -> Mixing:
    """Watch two clients of an endpoint; takes two connections for a moment, read-only."""
    from asyncpg.exceptions import PostgresError

    name = f"dbtool_{secrets.token_hex(8)}"
    async with AsyncExitStack() as opened:
        clients = [
            _Client(await opened.enter_async_context(_connection(target)), own)
            for own in ("first", "second")
        ]
        try:
            return await _watched(clients, name)
        except TimeoutError as error:
            from dbtool.database.pooler import unanswered

            raise await unanswered(target, TURN_SECONDS) from error
        except PostgresError as error:
            raise _refused(error, target) from error
        finally:
            with suppress(Exception):
                async with asyncio.timeout(TURN_SECONDS):
                    await _leave_nothing(clients, name)


@asynccontextmanager
async def _connection(target: Target) -> "AsyncIterator[Connection]":
    connection = await connect(
        target, read_only=True, settings=LIMITS, application_name="dbtool probe"
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=FAREWELL_SECONDS)
        except Exception:
            connection.terminate()


async def _watched(clients: list[_Client], name: str) -> Mixing:
    total = Mixing(False, 0, 0, 0, 0)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            total = await _prepared(clients, name)
            for _ in range(ROUNDS):
                total = await _round(random.sample(clients, len(clients)), total)
    except TimeoutError:
        # Nobody gives two connections at once; what was seen until then stands.
        if not total.transactions:
            raise
    return total


async def _prepared(clients: list[_Client], name: str) -> Mixing:
    """Let each prepare the name: one after the other, and in two processes where it is taken."""
    from asyncpg.exceptions import DuplicatePreparedStatementError

    first, second = clients
    await _alone(first, name)
    pooler = first.announced != first.home
    try:
        await _alone(second, name)
    except DuplicatePreparedStatementError:
        taken = Mixing(pooler, transactions=2, moved=1, wrong=0, failed=1)
    else:
        return Mixing(pooler, transactions=2, moved=0, wrong=0, failed=0)
    try:
        await _begin(first)
        await _alone(second, name)
    except (DuplicatePreparedStatementError, TimeoutError):
        return taken
    finally:
        await _end(first)
    return taken


async def _alone(client: _Client, name: str) -> None:
    try:
        await _begin(client)
        await client.prepare(name)
    finally:
        await _end(client)


async def _round(clients: list[_Client], total: Mixing) -> Mixing:
    """One transaction of each, the second begun while the first is open."""
    from asyncpg.exceptions import InvalidSQLStatementNameError

    try:
        for each in clients:
            if each.statement is None:
                continue
            await _begin(each)
            try:
                moved, wrong = await each.ask()
                total = _plus(total, moved=moved, wrong=wrong, failed=False)
            except InvalidSQLStatementNameError:
                total = _plus(total, moved=True, wrong=False, failed=True)
    finally:
        for each in random.sample(clients, len(clients)):
            await _end(each)
    return total


def _plus(total: Mixing, *, moved: bool, wrong: bool, failed: bool) -> Mixing:
    return replace(
        total,
        transactions=total.transactions + 1,
        moved=total.moved + moved,
        wrong=total.wrong + wrong,
        failed=total.failed + failed,
    )


def _refused(error: Exception, target: Target) -> OperationError:
    hint = ""
    if "statement pooling" in str(error):
        hint = "A pooler in statement mode allows no transactions; an application needs them."
    return OperationError(f"{target.shown} refused the question", detail=str(error), hint=hint)


async def _begin(client: _Client) -> None:
    async with asyncio.timeout(TURN_SECONDS):
        await client.connection.execute(client.connection.begin or "BEGIN READ ONLY")


async def _end(client: _Client) -> None:
    """Leave the transaction; who does not answer that either is left without a farewell."""
    connection = client.connection
    if connection.is_closed() or not connection.is_in_transaction():
        return
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await connection.execute("ROLLBACK")
    except BaseException:
        connection.terminate()
        raise


async def _leave_nothing(clients: list[_Client], name: str) -> None:
    """Drop the statement in every process that has it."""
    listed = f"SELECT FROM pg_catalog.pg_prepared_statements WHERE name = '{name}'"
    try:
        for each in clients:
            await _begin(each)
            if await each.connection.fetchrow(listed) is not None:
                await each.connection.execute(f"DEALLOCATE {name}")
    finally:
        for each in clients:
            await _end(each)
