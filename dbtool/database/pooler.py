"""Tell a pooler that has no server connection to give from a server that stopped answering."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from asyncpg.exceptions import InterfaceError, PostgresError, ProtocolViolationError

from dbtool.database.target import Target, pooled
from dbtool.errors import ConnectError
from dbtool.ports import Progress

T = TypeVar("T")

_TOLD_AFTER = 2.0
_GIVEN_UP_AFTER = 10.0
_PROBE_LIMIT = 1.0
_PGBOUNCER = "PgBouncer"
_WAITED_TOO_LONG = "query_wait_timeout"
_WHO_SITS = "dbtool pool on the server itself shows who sits in a transaction."
_WHO_HOLDS = (
    "dbtool pool --pgbouncer URL, with this URL there and the server's own as --url, shows who\n"
    "waits and who holds its connections: at work, or idle in a transaction."
)
_WHAT_DECIDES = (
    "Try once more. If PgBouncer listens there, all of its connections may be taken:\n"
    f"{_WHO_HOLDS}\n"
    "If a server does, it or its disk may be stalled: look at the machine itself."
)


async def unanswered(target: Target, seconds: float) -> ConnectError:
    """Why nothing came after a login that was accepted; asks whoever listens there once more."""
    waited = f"Nothing answered within {seconds:g} s"
    try:
        kind = await _pooler(target)
    except TimeoutError:
        return ConnectError(
            f"{target.shown} accepted the login, and then no answer came",
            detail=f"{waited}, and a second login was not answered within {_PROBE_LIMIT:g} s"
            " either: what stands still is not known.",
            hint=_WHAT_DECIDES,
        )
    if kind:
        return no_server_free(target, f"{waited}, although {kind} itself does.", kind)
    return ConnectError(
        f"{target.shown} accepted the login and then stopped answering",
        detail=f"{waited}.",
        hint="The host or its disk may be stalled: look at the machine itself.",
    )


def refused_to_wait(error: BaseException, target: Target) -> ConnectError | None:
    """The same where PgBouncer's own time limit ended the waiting first."""
    if _WAITED_TOO_LONG not in str(error):
        return None
    return no_server_free(target, f"It gave up after its {_WAITED_TOO_LONG}.", _PGBOUNCER)


def no_server_free(target: Target, detail: str, kind: str) -> ConnectError:
    """The pooler is well; what it hands out is taken, or does not answer."""
    return ConnectError(
        f"{kind} at {target.address} accepted the login, no server connection is free",
        detail=f"{detail} All connections of its pool are taken, or the server behind is down.",
        hint=_WHO_HOLDS if kind == _PGBOUNCER else _WHO_SITS,
    )


async def _pooler(target: Target) -> str:
    """What kind of pooler answers there at this moment; empty where none gives itself away.

    Raises TimeoutError where nobody answers in time, which a busy pooler may do too.
    """
    from dbtool.database.connection import READ_ONLY, in_force, open_connection

    options = {READ_ONLY: "on"}
    try:
        connection = await open_connection(target, _PROBE_LIMIT, "dbtool", options)
    except ProtocolViolationError:
        return _PGBOUNCER
    except TimeoutError:
        raise
    except (OSError, PostgresError, InterfaceError):
        return ""
    direct = in_force(connection, options) and not pooled(target)
    connection.terminate()
    return "" if direct else "the pooler"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody at a terminal waits for the first answer, knowing what for."""

    target: Target
    progress: Progress

    async def first(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes back; after a moment says that it waits, and gives up in the end."""
        task = asyncio.ensure_future(work)
        try:
            if not await _ended(task, _TOLD_AFTER):
                self.progress.step(f"waiting for {self.target.shown} to answer")
                if not await _ended(task, _GIVEN_UP_AFTER - _TOLD_AFTER):
                    raise await unanswered(self.target, _GIVEN_UP_AFTER)
            return await task
        except PostgresError as error:
            if told := refused_to_wait(error, self.target):
                raise told from error
            raise
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await asyncio.wait({task}, timeout=_PROBE_LIMIT)


async def _ended(task: "asyncio.Task[T]", seconds: float) -> bool:
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return bool(done)
