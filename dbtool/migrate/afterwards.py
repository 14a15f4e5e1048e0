"""What a successful upgrade is followed by: fresh statistics, and a file with the schema."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from alembic.runtime.migration import MigrationContext, RevisionStep

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import dump, stale
from dbtool.migrate.glance import as_array
from dbtool.migrate.record import Record, Table
from dbtool.migrate.stale import Snapshot, Stale
from dbtool.ports import Progress

_GONE = "SELECT count(*) = 0 FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1::text::int4[])"
_PATIENCE = 0.5
_FAREWELL = 5.0
"""Seconds for a session to end that env.py has closed; one it keeps does not end at all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do; `write` takes the schema where somebody wants it."""

    analyze: bool = False
    write: Callable[[str], None] | None = None


@dataclass(slots=True)
class Afterwards:
    """Looks before and after the run, and acts when the database is released.

    `uncounted` says that a session may still have to tell what rows it has changed.
    """

    wanted: Wanted
    stale: tuple[Stale, ...] = ()
    uncounted: bool = False
    _connection: SyncConnection | None = None
    _before: Snapshot | None = None
    _pg_dump: Path | None = field(default=None)

    def look(
        self,
        connection: SyncConnection,
        table: Table,  # noqa: ARG002
        context: MigrationContext,  # noqa: ARG002
        steps: Sequence[RevisionStep],  # noqa: ARG002
    ) -> None:
        """Before anything runs: without a pg_dump there would be no file in the end."""
        self._connection = connection
        self._find_pg_dump(connection)

    def tell(self, progress: Progress, record: Record) -> None:  # noqa: ARG002
        """The run begins: remember what the planner knows now."""
        if self._before is None and self._connection is not None:
            with suppress(Exception):
                self._before = stale.take(self._connection)

    def compare(
        self,
        connection: SyncConnection,
        backends: Sequence[int],
        left: int | None = None,
        rows: int = 0,
    ) -> None:
        """The run has ended; what it counted is known once its sessions have gone.

        `left` is the one that env.py has closed. Too few `rows` to matter are not waited for.
        """
        self._find_pg_dump(connection)
        if self._before is None:
            return
        with suppress(Exception):
            matters = rows >= stale.least(self._before)
            if left is not None and matters:
                _gone(connection, [left], _FAREWELL)
            self.uncounted = not _gone(connection, backends, _PATIENCE) and matters
            self.stale = stale.compare(self._before, stale.take(connection))

    def act(self, target: Target, lock_timeout: float, progress: Progress) -> None:
        """Analyse and write, as wanted; the lock against other runs is given up by now."""
        if self.wanted.analyze and self.stale:
            settings = {"lock_timeout": f"{round(lock_timeout * 1000)}ms"}
            with SyncConnection(target, settings=settings) as connection:
                self.stale = tuple(_analysed(connection, each, progress) for each in self.stale)
        if self.wanted.write is not None and self._pg_dump is not None:
            self.wanted.write(dump.schema(target, self._pg_dump))

    def _find_pg_dump(self, connection: SyncConnection) -> None:
        if self.wanted.write is not None and self._pg_dump is None:
            self._pg_dump = dump.program(connection)


def _gone(connection: SyncConnection, backends: Sequence[int], patience: float) -> bool:
    """Whether these sessions have ended, once they had time to."""
    until = time.monotonic() + patience
    while True:
        is_over = time.monotonic() >= until
        if connection.fetchval(_GONE, as_array(backends)):
            return True
        if is_over:
            return False
        time.sleep(0.02)


def _analysed(connection: SyncConnection, table: Stale, progress: Progress) -> Stale:
    """The upgrade is done: what cannot be analysed now is told, and fails nothing."""
    from asyncpg.exceptions import PostgresError

    progress.step(f"analysing {table.table}: {table.reason}")
    try:
        connection.execute(f"ANALYZE {table.table}")
    except PostgresError as error:
        progress.note(f"{table.table} was not analysed: {error}")
        return table
    return replace(table, analysed=True)
