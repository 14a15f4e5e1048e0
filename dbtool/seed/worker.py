"""A process that loads one part after the other, each in a transaction of its own."""

import os
import pickle
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from asyncpg.exceptions import (
    ConnectionDoesNotExistError,
    InterfaceError,
    InternalClientError,
    PostgresError,
)

from dbtool.database.connection import Connection
from dbtool.database.ended import ended
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError
from dbtool.interrupts import SIGNALS
from dbtool.seed import turn
from dbtool.seed.copying import copy
from dbtool.seed.journal import Portion
from dbtool.seed.plan import Load
from dbtool.seed.trouble import told

Said = tuple[str, int | float | str | DbtoolError]
"""What a worker says: rows that went out, a transaction about to commit, the end of a part."""


def serve(pipe: Pipe) -> None:
    """Load parts until the leader closes the pipe; a leader that died closes it too.

    What is to be loaded comes first.

    The terminal's Ctrl-C goes to the leader alone, which ends this process: what it has not
    committed the server rolls back.
    """
    os.setsid()
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        work = pipe.recv_bytes()
    except (EOFError, OSError):
        return
    # Here the team's modules are imported, and may fail in any way.
    given: tuple[Target, Sequence[Load], str] = pickle.loads(work)
    target, loads, name = given
    by_name = {each.table.name: each for each in loads}
    with suppress(EOFError, OSError):
        try:
            with SyncConnection(target, application_name=name) as session:
                while (portion := pipe.recv()) is not None:
                    began = time.perf_counter()
                    part = _Part(by_name[portion.table], portion, pipe)
                    session.run(part.load)
                    pipe.send(("done", time.perf_counter() - began))
        except DbtoolError as error:
            pipe.send(("failed", error))


@dataclass(frozen=True, slots=True)
class _Part:
    table: Load
    portion: Portion
    pipe: Pipe

    async def load(self, connection: Connection) -> None:
        """Load it; a connection that was ended between two statements is told as any other."""
        try:
            await self._load(connection)
        except (InterfaceError, InternalClientError, PostgresError) as error:
            if ended(error) is None:
                raise
            lost = ConnectionDoesNotExistError("The server ended it between two statements.")
            raise told(lost, self.table.table.shown, "") from error

    async def _load(self, connection: Connection) -> None:
        """Copy the rows, let the leader note the transaction, commit."""
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(
                "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0"
            )
            await _prove(connection)
            numbers = range(self.portion.first, self.portion.stop)
            await copy(connection, self.table, numbers, self._advance, "")
            xid = await connection.fetchval("SELECT pg_current_xact_id()::text")
            self.pipe.send(("commit", xid))
            if self.pipe.recv() is not True:
                raise EOFError
            await transaction.commit()
        except PostgresError as error:
            raise told(error, self.table.table.shown, "") from error
        except BaseException:
            with suppress(InterfaceError, PostgresError, OSError):
                await transaction.rollback()
            raise

    def _advance(self, rows: int) -> None:
        self.pipe.send(("rows", rows))


async def _prove(connection: Connection) -> None:
    """The leader's lock is seen from the database it was taken in, and from no other."""
    if not await turn.is_taken(connection):
        raise OperationError(
            "a connection of the run led to another database, or the run has ended",
            detail="The lock that the run holds is not seen there.",
        )
