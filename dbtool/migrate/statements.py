"""The one place every statement of a running revision passes on its way to the driver."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine, ExecutionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from dbtool.migrate.record import Table

_CONCURRENTLY = re.compile(
    r"^\s*(?:/\*.*?\*/\s*)*(?:CREATE|DROP|REINDEX|ALTER|REFRESH|DETACH)\b"
    r"[^;]*?\bCONCURRENTLY\b",
    re.IGNORECASE | re.DOTALL,
)

_COMMIT = re.compile(r"\s*(?:COMMIT|END)\b(?!.*\bPREPARED\b)", re.IGNORECASE | re.DOTALL)

LOCK_NOT_AVAILABLE = "55P03"

Execute = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What runs for a statement; `then` hears how many rows it changed."""

    sql: str
    then: Callable[[int], None] | None = None


class Step(Protocol):
    """What the run does around a statement."""

    def inside(self, statement: str, connection: DBAPIConnection) -> Wrapped | None:
        """A statement in a transaction; None where it is left out."""

    def alone(
        self,
        statement: str,
        execute: Execute,
        connection: DBAPIConnection,
        *,
        concurrently: bool,
    ) -> None:
        """Run it, and do what has to be done before, after and instead."""

    def leaving(self, connection: DBAPIConnection) -> bool:
        """Something is about to be committed; whether it is what the revision has done so far.

        It is not on a connection that the revision has opened beside Alembic's.
        """


class Heard(Step, Protocol):
    """What is told of each statement afterwards too."""

    def ran(self, statement: str, cursor: DBAPICursor, table: Table) -> None:
        """It has run, or was left out."""


class Statements:
    """Hears of each statement of env.py's engines while a revision runs.

    A statement inside a transaction goes its way, unless an earlier run has committed it: the
    transaction as a whole succeeds or fails. One outside (autocommit_block, or an env.py on
    AUTOCOMMIT) is run by `step`.
    """

    def __init__(self, running: Callable[[], Table | None], step: Heard) -> None:
        self._running = running
        self._step = step

    def __enter__(self) -> Self:
        for name, function in self._events():
            event.listen(Engine, name, function)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, function in self._events():
            event.remove(Engine, name, function)

    def _events(self) -> tuple[tuple[str, Callable[..., bool | None]], ...]:
        return (
            ("commit", self._committed),
            ("do_execute", self._execute),
            ("do_execute_no_params", self._execute_no_params),
            ("do_executemany", self._execute_many),
        )

    def _execute(
        self, cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext
    ) -> bool:
        execute = context.dialect.do_execute
        return self._heard(
            statement, cursor, context, lambda sql: execute(cursor, sql, parameters, context)
        )

    def _execute_many(
        self, cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext
    ) -> bool:
        many = context.dialect.do_executemany
        return self._heard(
            statement, cursor, context, lambda sql: many(cursor, sql, parameters, context)
        )

    def _execute_no_params(
        self, cursor: DBAPICursor, statement: str, context: ExecutionContext
    ) -> bool:
        execute = context.dialect.do_execute_no_params
        return self._heard(statement, cursor, context, lambda sql: execute(cursor, sql, context))

    def _heard(
        self,
        statement: str,
        cursor: DBAPICursor,
        context: ExecutionContext,
        run: Execute,
    ) -> bool:
        """Whether the statement was run here; else SQLAlchemy runs it."""
        connection = context.root_connection.connection.dbapi_connection
        table = self._running()
        if table is None or connection is None:
            return False
        if not commits_alone(connection):
            if _COMMIT.match(statement):
                if self._step.leaving(connection):
                    table.leaves_transaction()
                return False
            if wrapped := self._step.inside(statement, connection):
                run(wrapped.sql)
                if wrapped.then is not None:
                    wrapped.then(cursor.rowcount)
        else:
            table.leaves_transaction()
            concurrently = _CONCURRENTLY.match(statement) is not None
            with without_lock_timeout(connection) if concurrently else nullcontext():
                self._step.alone(statement, run, connection, concurrently=concurrently)
        self._step.ran(statement, cursor, table)
        return True

    def _committed(self, connection: Connection) -> None:
        """A commit before the revision is recorded leaves its transaction."""
        driver, table = connection.connection.dbapi_connection, self._running()
        if table is None or table.is_recorded or driver is None or commits_alone(driver):
            return
        if self._step.leaving(driver):
            table.leaves_transaction()


def commits_alone(connection: DBAPIConnection) -> bool:
    """Whether each statement on the connection is a transaction of its own.

    After a COMMIT in words SQLAlchemy's wrapper of asyncpg believes to be in a transaction
    still, and begins none.
    """
    if getattr(connection, "autocommit", False):
        return True
    is_in_transaction = getattr(driver_of(connection), "is_in_transaction", None)
    begun = getattr(connection, "_transaction", None) is not None
    return begun and is_in_transaction is not None and not is_in_transaction()


def driver_of(connection: DBAPIConnection) -> Any:
    """The driver's own connection; SQLAlchemy wraps that of an asynchronous driver."""
    return getattr(connection, "_connection", connection)


@contextmanager
def without_lock_timeout(connection: DBAPIConnection) -> Iterator[None]:
    """CONCURRENTLY waits for transactions that read, holding up none of them."""
    before = setting(connection, "SELECT pg_catalog.current_setting('lock_timeout')")
    setting(connection, "SELECT pg_catalog.set_config('lock_timeout', '0', false)")
    try:
        yield
    finally:
        with suppress(Exception):
            setting(connection, f"SELECT pg_catalog.set_config('lock_timeout', '{before}', false)")


def setting(connection: DBAPIConnection, sql: str) -> str:
    """Ask for a setting or set one, past SQLAlchemy."""
    return str(answer(connection, sql)[0])


def answer(connection: DBAPIConnection, sql: str) -> Sequence[Any]:
    """The one row of a query that goes past SQLAlchemy, which would begin a transaction."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        row: Sequence[Any] | None = cursor.fetchone()
        assert row is not None
        return row
    finally:
        cursor.close()


def answers(connection: DBAPIConnection, sql: str) -> Sequence[Sequence[Any]]:
    """All rows of such a query."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchall()
    finally:
        cursor.close()


def execute(connection: DBAPIConnection, sql: str) -> None:
    """Run a statement that answers nothing, past SQLAlchemy."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()
