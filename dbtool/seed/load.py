"""Copy planned rows into the database: all of them in one transaction, or none."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asyncpg.exceptions import (
    AdminShutdownError,
    ConnectionDoesNotExistError,
    DiskFullError,
    IntegrityConstraintViolationError,
    InterfaceError,
    LockNotAvailableError,
    PostgresConnectionError,
    PostgresError,
)
from asyncpg.transaction import Transaction

from dbtool.database.connection import Connection
from dbtool.errors import DbtoolError, LockNotObtained, OperationError
from dbtool.ports import Progress
from dbtool.report import counted
from dbtool.seed import live
from dbtool.seed.plan import Load, Planned
from dbtool.seed.rows import blocks

_LOCK = int.from_bytes(b"db seed")
_COLUMN = re.compile(r"^COPY .*, column (\w+)", re.MULTILINE)
"""How the server says at which value a COPY stopped."""

_NOTHING = "The transaction is rolled back: no row was loaded."


@dataclass(frozen=True, slots=True)
class Loaded:
    """One table that was filled."""

    name: str
    rows: int
    seconds: float


@dataclass(slots=True)
class Outcome:
    """Whether the rows are there to stay; true from the moment the server said so."""

    committed: bool = False


async def load(
    connection: Connection, planned: Planned, progress: Progress, outcome: Outcome | None
) -> tuple[Loaded, ...]:
    """Load every table, parents first; without an outcome to note, roll all of it back."""
    rows, tables = counted(planned.plan.rows, "row"), counted(len(planned.loads), "table")
    progress.step(f"loading {rows} into {tables}")
    transaction = connection.transaction()
    await transaction.start()
    try:
        # A lock somebody else holds must not make the tables wait behind us.
        await connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0")
        await _refuse_company(connection, planned)
        if planned.deferred:
            await connection.execute("SET CONSTRAINTS ALL DEFERRED")
        done = await _copy_all(connection, planned, progress)
        await _check_deferred(connection)
        if outcome is not None:
            await _set_sequences(connection, planned.loads)
            await _commit(transaction, outcome)
    finally:
        if outcome is None or not outcome.committed:
            await _roll_back(transaction)
    return done


async def _refuse_company(connection: Connection, planned: Planned) -> None:
    """Stop where another run is filling the database, or has done so since the survey."""
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
        raise LockNotObtained(
            "another dbtool seed is filling this database",
            detail=_NOTHING,
            hint="Wait until it has ended; its rows will be there then.",
        )
    empty = [each.table for each in planned.loads if not each.population.first_block]
    appeared = await live.filled(connection, empty)
    if appeared:
        shown = ", ".join(table.shown for table in empty if table.name in appeared)
        raise OperationError(
            f"rows appeared in {shown} while the plan was made",
            detail=_NOTHING,
            hint="Run it again if more rows are wanted.",
        )


async def _commit(transaction: Transaction, outcome: Outcome) -> None:
    """Commit; an interrupt waits for the server's answer, which nobody could guess."""
    committing = asyncio.ensure_future(transaction.commit())
    try:
        await asyncio.shield(committing)
    except asyncio.CancelledError:
        await committing
        raise
    finally:
        outcome.committed = committing.done() and not committing.exception()


async def _roll_back(transaction: Transaction) -> None:
    # A session that an interrupt closed has been rolled back by the server.
    with suppress(InterfaceError, PostgresError, OSError):
        await transaction.rollback()


async def _copy_all(
    connection: Connection, planned: Planned, progress: Progress
) -> tuple[Loaded, ...]:
    done: list[Loaded] = []
    before, total = 0, planned.plan.rows
    for each in planned.loads:

        def advance(rows: int, start: int = before) -> None:
            progress.advance(start + rows, total, "rows")

        began = time.perf_counter()
        if each.population.count:
            await _copy(connection, each, advance)
        count = each.population.count
        done.append(Loaded(each.table.shown, count, time.perf_counter() - began))
        before += count
    return tuple(done)


async def _copy(connection: Connection, each: Load, advance: Callable[[int], None]) -> None:
    copying = connection.copy_to_table(
        each.table.bare_name,
        schema_name=each.table.schema,
        columns=list(each.population.generators),
        source=_chunks(connection, each, advance),
        format="text",
        timeout=None,
    )
    try:
        await _while_connected(connection, copying)
    except PostgresError as error:
        raise told(error, each.table.shown) from error


async def _while_connected(connection: Connection, copying: Coroutine[Any, Any, str]) -> None:
    """Run a copy; asyncpg waits for ever on a socket that was closed while it was full."""
    task = asyncio.ensure_future(copying)
    lost: list[Connection] = []

    def end(closed: Connection) -> None:
        lost.append(closed)
        task.cancel()

    connection.add_termination_listener(end)
    try:
        await task
    except asyncio.CancelledError:
        if not lost:
            raise
        raise ConnectionDoesNotExistError("connection was closed in the middle") from None
    finally:
        if not lost:
            connection.remove_termination_listener(end)


async def _chunks(
    connection: Connection, each: Load, advance: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """The rows; between two blocks an interrupt gets through, and the loss of the connection.

    A copy to a socket that takes everything never waits for anything by itself.
    """
    done = 0
    for rows in blocks(each.population):
        await asyncio.sleep(0)
        if connection.is_closed():
            return
        yield rows.lines().encode()
        done += rows.size
        advance(done)


async def _check_deferred(connection: Connection) -> None:
    """Check now what a commit would check, so that a failure has the name of its table."""
    try:
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except PostgresError as error:
        raise told(error, getattr(error, "table_name", "") or "a table") from error


async def _set_sequences(connection: Connection, loads: Sequence[Load]) -> None:
    for each in loads:
        for sequence in each.sequences if each.population.count else ():
            try:
                await connection.execute(
                    "SELECT setval($1::text::regclass, greatest($2::bigint,"
                    " coalesce(pg_sequence_last_value($1::text::regclass), 1)))",
                    sequence.name,
                    sequence.last,
                )
            except PostgresError as error:
                raise told(error, sequence.name) from error


async def analyze(connection: Connection, planned: Planned, progress: Progress) -> None:
    """Fresh statistics for the planner; the rows stay loaded where this fails."""
    names = ", ".join(each.table.name for each in planned.loads if each.population.count)
    if not names:
        return
    progress.step("analyzing the tables")
    try:
        async with connection.limits():
            await connection.execute(f"ANALYZE {names}")
            if connection.is_in_transaction():
                await connection.execute("COMMIT")
    except PostgresError as error:
        progress.note(f"ANALYZE failed, the rows are loaded: {error}")


def told(error: PostgresError, table: str) -> DbtoolError:
    """What the server refused, in its own words, and what that leaves behind."""
    table = table if '"' in table else f'"{table}"'
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, LockNotAvailableError):
        return LockNotObtained(
            f"{table} is locked by another session",
            detail=_NOTHING,
            hint="dbtool pool shows who sits in a transaction; run this again when it ended.",
        )
    if isinstance(error, DiskFullError):
        return OperationError(
            f"the server ran out of disk while {table} was filled",
            detail=f"{error}\n{_NOTHING}",
            hint="Free some space, or load fewer rows with --rows. What the rows rolled back took"
            " is free again after VACUUM.",
        )
    if isinstance(error, PostgresConnectionError | AdminShutdownError):
        return OperationError(
            f"the connection was lost while {table} was filled",
            detail=f"{error}\n{_NOTHING}",
            hint="The server's log says why.",
        )
    if isinstance(error, IntegrityConstraintViolationError):
        name = getattr(error, "constraint_name", None) or "a constraint"
        return OperationError(
            f"generated rows of {table} do not satisfy {name}",
            detail=f"{error.args[0]}\n{getattr(error, 'detail', '') or ''}".strip()
            + f"\n{_NOTHING}",
            hint="Leave the table out by naming the others with --tables.",
        )
    column = _COLUMN.search(getattr(error, "context", None) or "")
    return OperationError(
        f"cannot fill {table}" + (f', column "{column[1]}"' if column else ""),
        detail=f"{said}\n{_NOTHING}",
        hint="dbtool seed plan shows how each column is made; --tables can leave this one out.",
    )
