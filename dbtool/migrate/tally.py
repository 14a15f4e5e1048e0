"""Count what each revision of a run did: statements, rows, attempts, time at locks."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from dbtool.migrate.journal import writes_version
from dbtool.migrate.record import Step, Table
from dbtool.migrate.statements import Execute, Wrapped
from dbtool.migrate.statements import Step as Guard

_TAGS = ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY")
_CHANGES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)
_CREATES = re.compile(r"\s*(?:CREATE|SELECT\b.*\bINTO\b)", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class _Count:
    statements: int = 0
    rows: int = 0
    attempts: int = 0
    at_locks: float = 0.0


class Tally:
    """Stands between the statements of a run and what guards them, and counts.

    Of a revision that was attempted again the last attempt counts, and the time of all.
    """

    def __init__(self, guard: Guard, at_locks: Callable[[], float]) -> None:
        self._guard = guard
        self._at_locks = at_locks
        self._counts: dict[tuple[str, str], _Count] = {}
        self._current = _Count()
        self._since = 0.0

    def begin(self, step: Step) -> None:
        """A revision begins, perhaps again."""
        self._settle()
        self._current = self._counts.setdefault((step.version_table, step.revision), _Count())
        self._current.statements = self._current.rows = 0
        self._current.attempts += 1

    def told(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """The revisions with what was counted of them."""
        self._settle()
        return tuple(self._told(each) for each in steps)

    def _told(self, step: Step) -> Step:
        count = self._counts.get((step.version_table, step.revision))
        if count is None:
            return step
        return replace(
            step,
            statements=count.statements,
            rows=count.rows,
            attempts=count.attempts,
            at_locks=round(count.at_locks, 3),
        )

    def _settle(self) -> None:
        """The time at locks since the last time was spent by the revision at work."""
        now = self._at_locks()
        self._current.at_locks += now - self._since
        self._since = now

    def inside(self, statement: str, connection: DBAPIConnection) -> Wrapped | None:
        """Count a statement in a transaction, unless it is left out."""
        wrapped = self._guard.inside(statement, connection)
        if wrapped is not None:
            self._current.statements += 1
        return wrapped

    def ran(self, statement: str, cursor: DBAPICursor, table: Table) -> None:
        """Count the rows it changed; what records the revision is none of its statements."""
        if table.name in statement and writes_version(statement, table.name):
            self._current.statements -= 1
        else:
            self._current.rows += _changed(cursor, statement)

    def leaving(self, connection: DBAPIConnection) -> bool:
        """Nothing of this is to be counted."""
        return self._guard.leaving(connection)

    def alone(
        self,
        statement: str,
        execute: Execute,
        connection: DBAPIConnection,
        *,
        concurrently: bool,
    ) -> None:
        """Count a statement that commits by itself, and how often it was tried."""
        tried = 0

        def counted(sql: str) -> object:
            nonlocal tried
            tried += 1
            return execute(sql)

        self._guard.alone(statement, counted, connection, concurrently=concurrently)
        self._current.attempts += max(tried - 1, 0)
        self._current.statements += min(tried, 1)


def _changed(cursor: DBAPICursor, statement: str) -> int:
    """How many rows a statement changed, as far as the driver tells."""
    rows: int = cursor.rowcount
    if rows <= 0:
        return 0
    tag = getattr(cursor, "statusmessage", None)
    if tag is None:
        return rows if _CHANGES.match(statement) else 0
    if tag.startswith("SELECT"):
        return rows if _CREATES.match(statement) else 0
    return rows if tag.startswith(_TAGS) else 0
