"""Copy the rows of one table to the server, block by block."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any

from asyncpg.exceptions import ConnectionDoesNotExistError, PostgresError

from dbtool.database.connection import Connection
from dbtool.seed.plan import Load
from dbtool.seed.rows import Population, Rows
from dbtool.seed.trouble import NOTHING, told


async def copy(
    connection: Connection,
    each: Load,
    numbers: Iterable[int],
    advance: Callable[[int], None],
    left: str = NOTHING,
) -> None:
    """Copy these blocks of a table; `advance` hears how many rows went out with each."""
    copying = connection.copy_to_table(
        each.table.bare_name,
        schema_name=each.table.schema,
        columns=list(each.population.generators),
        source=_chunks(connection, each, numbers, advance),
        format="text",
        timeout=None,
    )
    try:
        await _while_connected(connection, copying)
    except PostgresError as error:
        raise told(error, each.table.shown, left) from error


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
    connection: Connection, each: Load, numbers: Iterable[int], advance: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """The rows; the next block is made while the one before is still on its way."""
    waiting = iter(numbers)
    making = _begun(each.population, waiting)
    while making is not None:
        data, size = await making
        if connection.is_closed():
            return
        making = _begun(each.population, waiting)
        yield data
        advance(size)


def _begun(
    population: Population, numbers: Iterator[int]
) -> "asyncio.Task[tuple[bytes, int]] | None":
    number = next(numbers, None)
    return None if number is None else asyncio.create_task(_made(population.block(number)))


async def _made(rows: Rows) -> tuple[bytes, int]:
    """A block as text; between two columns what is ready is sent, and an interrupt gets through.

    A copy to a socket that takes everything never waits for anything by itself.
    """
    for name in rows.population.generators:
        rows.texts(name)
        await asyncio.sleep(0)
    data = rows.lines().encode()
    rows.forget()
    return data, rows.size
