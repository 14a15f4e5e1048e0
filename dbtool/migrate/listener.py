"""Listen to every engine of the process while a team's code runs, and refuse what must not be."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn, Self

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.migrate.destination import read_arguments, synchronous_driver

Events = tuple[tuple[Any, str, Callable[..., object]], ...]


class Stop(BaseException):
    """Ends a team's code from inside; no `except Exception` of a project may swallow it."""

    def __init__(self, error: DbtoolError | None = None) -> None:
        super().__init__(error.message if error else "")
        self.error = error


class Listener:
    """Hears of each connection before it is opened, and again before it runs a statement.

    The listeners stand before all others, since those of the team may run statements; only
    one that the team puts first again (`insert=True`) comes before them. A refusal is raised
    at the end of the block as the error it is, whatever the team's code made of it. `begun`
    says that the code came as far as a database, or as far as Alembic.
    """

    def __init__(self) -> None:
        self.error: DbtoolError | None = None
        self.begun = False
        self._is_closed = False

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nothing connect, and nothing run where it is connected; trying is no error."""
        self._is_closed = True
        event.listen(Engine, "before_cursor_execute", _stop)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", _stop)
            self._is_closed = False

    def __enter__(self) -> Self:
        self.error, self.begun = None, False
        for target, name, function in self._events():
            event.listen(target, name, function, insert=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for target, name, function in self._events():
            event.remove(target, name, function)
        if self.error is not None:
            raise self.error from (None if isinstance(error, Stop) else error)

    def _events(self) -> Events:
        return ((Engine, "do_connect", self._connect), (Pool, "connect", self._connected))

    def _connect(
        self,
        dialect: Dialect,
        _record: ConnectionPoolEntry | None,
        arguments: list[object],
        named: dict[str, object],
    ) -> DBAPIConnection | None:
        self.begun = True
        if self._is_closed:
            raise Stop
        if dialect.is_async and not _in_async_engine():
            self.refuse(mixed(dialect))
        return self.opening(dialect, arguments, named)

    def _connected(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        self.begun = True
        try:
            self.opened(connection, record)
        except BaseException:
            connection.close()
            raise

    def opening(
        self, dialect: Dialect, arguments: list[object], named: dict[str, object]
    ) -> DBAPIConnection | None:
        """SQLAlchemy is about to connect; a connection returned here is used instead."""
        raise NotImplementedError

    def opened(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        """A connection was opened and has run nothing yet."""
        raise NotImplementedError

    def configured(self, connection: Connection | None) -> None:
        """Env.py hands this connection to Alembic."""

    def reads_versions(self) -> None:
        """Env.py lets Alembic run, which reads the version table first."""

    def refuse(self, error: DbtoolError) -> NoReturn:
        """Remember the first refusal and end the team's code."""
        self.error = self.error or error
        raise Stop(error)


class Offline(Listener):
    """Nothing may be connected to."""

    def opening(
        self,
        dialect: Dialect,  # noqa: ARG002
        arguments: list[object],
        named: dict[str, object],
    ) -> NoReturn:
        """Refuse."""
        place = read_arguments(arguments, named)
        self._refuse(f" to {place.shown}" if place else "")

    def opened(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> NoReturn:  # noqa: ARG002
        """Refuse a connection that the project made itself."""
        self._refuse("")

    def _refuse(self, where: str) -> NoReturn:
        self.refuse(
            OperationError(
                f"the project connects{where}, and this command needs no database",
                detail="The connection was refused.",
                hint="Let env.py ask context.is_offline_mode() before it connects.",
            )
        )


def _stop(*_: object) -> NoReturn:
    raise Stop


def _in_async_engine() -> bool:
    """Whether whoever connects can wait for a coroutine, as an AsyncEngine does."""
    current = importlib.import_module("greenlet").getcurrent()
    marked = getattr(current, "__sqlalchemy_greenlet_provider__", False)
    return bool(marked) or type(current).__name__ == "_AsyncIoGreenlet"


def mixed(dialect: Dialect) -> DbtoolError:
    """An engine of the one kind was given a driver of the other.

    The driver would only make a coroutine that nobody waits for.
    """
    driver = synchronous_driver()
    return OperationError(
        "env.py builds a synchronous engine with an asynchronous driver",
        detail=f"{dialect.driver} works with create_async_engine only.",
        hint=f"Name a synchronous driver in the same URL: postgresql+{driver}:// instead of"
        f" postgresql+{dialect.driver}://. For the local server that is"
        f" dbtool local url --driver {driver}.",
    )


def make_read_only(connection: DBAPIConnection) -> None:
    """Have a session that only looks around change nothing."""
    set_for_session(connection, "SET default_transaction_read_only = on")


def set_for_session(connection: DBAPIConnection, statement: str) -> None:
    """Run a SET on a connection that is in no transaction, for as long as the session lasts."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
    connection.commit()


def other_kind(dialect: Dialect) -> DbtoolError:
    """Env.py uses a database that is not PostgreSQL."""
    return UsageError(
        f'env.py connects to a "{dialect.name}" database',
        detail="dbtool works with PostgreSQL only. The connection was refused.",
        hint="Let env.py build its engine from config's sqlalchemy.url.",
    )
