"""A session that somebody ended is told as that, wherever the end is noticed."""

import asyncio

import pytest
from asyncpg.exceptions import InterfaceError, InternalClientError

from dbtool.database.connect import connect
from dbtool.database.ended import ended
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target

TOLD = "the server ended the connection"


def asked_after_the_end(target: Target, watcher: SyncConnection, noticed: bool) -> BaseException:
    """What the driver raises for a statement of a session that was ended before it."""

    async def run() -> None:
        connection = await connect(target)
        watcher.fetchval("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())
        while noticed and not connection.is_closed():
            await asyncio.sleep(0.01)
        try:
            await connection.fetchval("SELECT 1")
        finally:
            connection.terminate()

    with pytest.raises(Exception) as raised:  # noqa: PT011
        asyncio.run(run())
    return raised.value


@pytest.mark.parametrize("noticed", [False, True])
def test_the_end_of_a_session_is_told(
    database: Target, connection: SyncConnection, noticed: bool
) -> None:
    """Whether the driver had noticed it before the next statement or not."""
    told = ended(asked_after_the_end(database, connection, noticed))
    assert told is not None
    assert (told.message, told.exit) == (TOLD, 3)


def test_the_end_between_two_steps_of_the_driver() -> None:
    """It then says that it is busy, with an operation it has no name for."""
    busy = "cannot switch to state 12; another operation (2) is in progress"
    told = ended(InternalClientError(busy))
    assert told is not None
    assert told.message == TOLD
    assert ended(InternalClientError(busy.replace("(2)", "(11)"))) is None


@pytest.mark.parametrize("error", [ValueError("connection is closed"), InterfaceError("no"), ()])
def test_other_errors_stay(error: BaseException | tuple[()], connection: SyncConnection) -> None:
    """A mistake of ours, a wrong call of the driver and an error of a statement are no such end."""
    if isinstance(error, tuple):
        with pytest.raises(Exception, match="does not exist") as raised:
            connection.fetchval("SELECT nothing")
        error = raised.value
    assert ended(error) is None
