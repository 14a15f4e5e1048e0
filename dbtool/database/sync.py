"""The same connection for code that is not asynchronous."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dbtool.database.connect import connect
from dbtool.database.target import Target

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

T = TypeVar("T")

_FAREWELL = 2.0


class SyncConnection:
    """One connection on its own event loop in its own thread.

    KeyboardInterrupt in the caller cancels the running statement on the server.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float | None = None,
        read_only: bool = False,
        settings: Mapping[str, str] | None = None,
        application_name: str = "dbtool",
    ) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._background: asyncio.Task[None] | None = None
        self._patience: asyncio.Task[None] | None = None
        self._asked_at: float | None = None
        self._turn = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        opening = partial(
            connect,
            target,
            timeout=timeout,
            read_only=read_only,
            settings=settings,
            application_name=application_name,
        )
        try:
            self.connection = self._wait(opening)
        except BaseException:
            self._stop()
            raise

    def fetch(self, sql: str, *args: object) -> "list[Record]":
        """All rows of a statement."""
        return self.run(lambda connection: connection.fetch(sql, *args))

    def fetchrow(self, sql: str, *args: object) -> "Record | None":
        """The first row of a statement."""
        row: Record | None = self.run(lambda connection: connection.fetchrow(sql, *args))
        return row

    def fetchval(self, sql: str, *args: object) -> Any:
        """The first value of the first row."""
        return self.run(lambda connection: connection.fetchval(sql, *args))

    def execute(self, sql: str, *args: object) -> str:
        """Run one statement, or several without arguments; returns the last command tag."""
        return self.run(lambda connection: connection.execute(sql, *args))

    def run(self, function: "Callable[[Connection], Awaitable[T]]") -> T:
        """Run a coroutine function with the asyncpg connection on its loop."""

        async def call() -> T:
            return await self._ask(function)

        return self._wait(call)

    def repeat(self, function: "Callable[[Connection], Awaitable[float]]") -> None:
        """Run a coroutine function in the background, again after the seconds it returns.

        Between two runs others use the connection; it ends with the connection, or when it raises.
        """

        async def again() -> None:
            while True:
                await asyncio.sleep(await self._ask(function))

        async def begin() -> None:
            self._background = asyncio.create_task(again())
            self._background.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result()

    def give_up_after(self, limit: float, tell: Callable[[], None]) -> None:
        """From now on end the connection, and tell, when nothing is answered for so many seconds.

        A network that drops packets says nothing, and a client may wait for hours.
        """

        async def watch() -> None:
            while self._asked_at is None or self._loop.time() - self._asked_at < limit:
                await asyncio.sleep(limit / 10)
            self.connection.terminate()
            tell()

        async def begin() -> None:
            self._patience = asyncio.create_task(watch())

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result()

    async def _ask(self, function: "Callable[[Connection], Awaitable[T]]") -> T:
        """In turn: a connection takes one statement at a time."""
        async with self._turn:
            self._asked_at = self._loop.time()
            try:
                return await function(self.connection)
            finally:
                self._asked_at = None

    def close(self) -> None:
        """Log out; a statement cancelled before is awaited until the server has ended it."""
        if self._loop.is_closed():
            return
        try:
            self._wait(self._end)
        finally:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        future: Future[T] | None = None
        noted: Coroutine[Any, Any, T] | None = None
        try:
            noted = self._noted(work)
            future = asyncio.run_coroutine_threadsafe(noted, self._loop)
            return future.result()
        except BaseException:
            # An interrupt may come while the work runs and its future is not yet known here.
            if future is None or not future.done():
                asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result()
            if noted is not None and inspect.getcoroutinestate(noted) == inspect.CORO_CREATED:
                noted.close()  # It came before the loop got the work.
            raise

    async def _noted(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._task = asyncio.current_task()
        return await work()

    async def _settle(self) -> None:
        """Cancel the work, and wait until the server has been told to cancel it too."""
        if self._task is not None:
            self._task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                ours = {asyncio.current_task(), self._background, self._patience}
                while others := asyncio.all_tasks() - ours:
                    await asyncio.wait(others)

    async def _end(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait([self._background], timeout=_FAREWELL)
        await _close(self.connection)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _close(connection: "Connection") -> None:
    try:
        await connection.close(timeout=_FAREWELL)
    except (OSError, TimeoutError):
        connection.terminate()
