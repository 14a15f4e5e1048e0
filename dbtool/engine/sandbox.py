"""Let an application's engine work on the named database only, and keep nothing of what it does.

Each new connection proves where it leads before it runs a statement: dbtool holds an advisory
lock under a random number, and the connection must see that very lock in its own database. Then
it stays in one transaction; what the application commits becomes a savepoint that is released,
what it rolls back one that is rolled back to. At the end the connections are cut, and the server
rolls back the rest. Where commits are allowed, transactions are the application's own.

A second engine is refused, and so is a commit on the driver's connection of `raw_connection()`.
A connection that the application opens without SQLAlchemy is not seen here.
"""

import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from sqlalchemy import AsyncAdaptedQueuePool, Connection, Dialect, Engine, QueuePool, event

from dbtool.database.proof import question
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError, UsageError

SAVEPOINT = "dbtool_trace"
_CONNECTIONS = 20
_ENDS = re.compile(
    r"^(?:\s|--[^\n]*|/\*.*?\*/)*(?:commit|rollback(?!\s+to)|end|abort|begin|start\s+transaction|prepare\s+transaction"
    r"|set\s+session|reset|discard)\b|;\s*(?:commit|rollback|end|abort|begin)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Statements by which SQL of the application would leave the transaction it is kept in."""


class Sandbox:
    """Keeps one engine in while it is entered; `refused` is why something was not let through."""

    def __init__(self, engine: Engine, target: Target, *, seconds: float, commits: bool) -> None:
        self.refused: DbtoolError | None = None
        self.commits = self.rollbacks = 0
        self._engine = engine
        self._target = target
        self._seconds = seconds
        self._commits = commits
        self._key = secrets.randbits(63)
        self._seen: list[Any] = []
        self._open: set[int] = set()
        self._limited: set[int] = set()
        self._before: dict[str, object] = {}
        self._drivers: dict[type, Callable[..., None]] = {}

    @property
    def connections(self) -> int:
        """How many connections the application opened."""
        return len(self._seen)

    def __enter__(self) -> Self:
        if self._engine.dialect.name != "postgresql":
            name = self._engine.dialect.name
            raise UsageError(f"the engine connects to {name}, and dbtool knows PostgreSQL")
        self._holder = SyncConnection(self._target, application_name="dbtool trace")
        self._holder.fetchval("SELECT pg_catalog.pg_try_advisory_lock($1)", self._key)
        self._pool = self._engine.pool
        kind = AsyncAdaptedQueuePool if self._engine.dialect.is_async else QueuePool
        self._own = self._engine.pool = kind(
            self._pool._creator,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            _dispatch=self._pool.dispatch,
            dialect=self._engine.dialect,
        )
        event.listen(self._own, "connect", self._connected, insert=True)
        event.listen(Engine, "engine_connect", self._chosen)
        event.listen(Engine, "do_connect", self._connecting)
        event.listen(self._engine, "before_cursor_execute", self._checked)
        self._patch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        event.remove(self._engine, "before_cursor_execute", self._checked)
        event.remove(Engine, "do_connect", self._connecting)
        event.remove(Engine, "engine_connect", self._chosen)
        event.remove(self._own, "connect", self._connected)
        for connection in self._seen:
            _cut(connection)
        for driver, commit in self._drivers.items():
            driver.commit = commit  # type: ignore[attr-defined]
        for name in self._before:
            delattr(self._engine.dialect, name)
        self._engine.pool = self._pool
        self._holder.close()

    def _patch(self) -> None:
        """Stand in for what the dialect does at the ends of transactions."""
        own: dict[str, Callable[..., None]] = {
            "do_begin": self._begin,
            "set_isolation_level": self._isolation,
            "do_commit_twophase": self._two_phases,
            "do_prepare_twophase": self._two_phases,
        }
        if not self._commits:
            own |= {"do_commit": self._commit, "do_rollback": self._rollback}
        dialect: Any = self._engine.dialect
        for name, function in own.items():
            self._before[name] = getattr(dialect, name)
            setattr(dialect, name, function)

    def _connected(self, connection: Any, _record: object) -> None:
        """Prove a connection before anybody uses it."""
        self._seen.append(connection)
        self._hold(type(connection))
        backend = ask(connection, question(self._key))
        holder = self._holder.fetchval("SELECT pg_catalog.pg_backend_pid()")
        if backend != holder:
            self._refuse(elsewhere(self._target))

    def _hold(self, driver: Any) -> None:
        """Let no commit pass that the application calls on the driver's connection."""
        if self._commits or driver in self._drivers:
            return
        commit = driver.commit
        with suppress(TypeError):  # a class written in C stays as it is
            driver.commit = lambda _connection: self._refuse(_past_us())
            self._drivers[driver] = commit

    def _connecting(self, dialect: Dialect, *_: object) -> None:
        """What another engine of the application does would be neither seen nor rolled back."""
        if dialect is not self._engine.dialect:
            self._refuse(_second())

    def _chosen(self, connection: Connection) -> None:
        """Nor may another engine go on with a connection it has had before."""
        if connection.engine.pool is not self._engine.pool:
            self._refuse(_second())

    def _begin(self, connection: Any) -> None:
        if self._commits:
            self._limit(connection)
            return
        if _key(connection) not in self._limited:
            self._limit(connection)
            self._limited.add(_key(connection))
        if _key(connection) not in self._open:
            _run(connection, f"SAVEPOINT {SAVEPOINT}")
            self._open.add(_key(connection))

    def _limit(self, connection: Any) -> None:
        for name, seconds in (
            ("statement_timeout", self._seconds),
            ("lock_timeout", 2.0),
            ("idle_in_transaction_session_timeout", 30.0),
        ):
            _run(connection, f"SET LOCAL {name} = {seconds * 1000:.0f}")

    def _commit(self, connection: Any) -> None:
        if _key(connection) in self._open:
            self._open.discard(_key(connection))
            _run(connection, f"RELEASE SAVEPOINT {SAVEPOINT}")
            self.commits += 1

    def _rollback(self, connection: Any) -> None:
        if _key(connection) in self._open:
            self._open.discard(_key(connection))
            _run(connection, f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            _run(connection, f"RELEASE SAVEPOINT {SAVEPOINT}")
            self.rollbacks += 1

    def _isolation(self, _connection: Any, level: str) -> None:
        """A transaction that has begun keeps its level; without transactions all would stay."""
        if level.upper().replace("_", " ") == "AUTOCOMMIT":
            self._refuse(
                UsageError(
                    "the application asks for AUTOCOMMIT, where nothing can be rolled back",
                    hint="Trace code that works in transactions.",
                )
            )

    def _two_phases(self, *_: object, **__: object) -> None:
        self._refuse(UsageError("the application prepares a transaction for two-phase commit"))

    def _checked(
        self, _connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if _ENDS.search(statement):
            words = " ".join(statement.split()[:4])
            self._refuse(
                UsageError(
                    f"the application sends {words} itself, past its transaction",
                    detail="What it does then could not be rolled back, so it was not sent.",
                    hint="End transactions through the session or the connection.",
                )
            )

    def _refuse(self, error: DbtoolError) -> None:
        """Keep the reason, whatever the application makes of the exception."""
        self.refused = self.refused or error
        raise error


def _key(connection: Any) -> int:
    """The driver's connection behind whatever the pool has wrapped around it."""
    return id(getattr(connection, "dbapi_connection", None) or connection)


def ask(connection: Any, sql: str) -> int | None:
    """The first value that a connection of a driver answers."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        row = cursor.fetchone()
    finally:
        cursor.close()
    return row[0] if row else None


def _run(connection: Any, statement: str) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def _cut(connection: Any) -> None:
    """End a connection without a word: its loop may be gone, and the server rolls back."""
    with suppress(Exception):
        (getattr(connection, "terminate", None) or connection.close)()


def _past_us() -> UsageError:
    return UsageError(
        "the application commits on the driver's connection, past its transaction",
        detail="That could not be rolled back, so it was not done.",
        hint="End transactions through the session or the connection.",
    )


def _second() -> UsageError:
    return UsageError(
        "the application uses a second engine",
        detail="What that does could not be rolled back, so it was not connected.",
        hint="Name the engine to trace with --engine, and code that uses it alone.",
    )


def elsewhere(target: Target) -> OperationError:
    """The engine is connected to something else than what the user named."""
    return OperationError(
        "the application's engine leads to another database than the one that is named",
        detail=f"{target.source} names {target.shown}. Nothing was run where the engine leads.",
        hint="Set the environment the application reads its URL from, or name its database.",
    )
