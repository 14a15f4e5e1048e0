"""What an interrupted run in parts had committed: noted before each commit, judged by the server.

A part is noted with its transaction before that commits. Whether it did is the server's to say,
so that no crash on either side leaves a part that nobody knows about.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncpg.exceptions import InvalidParameterValueError

from dbtool import kept
from dbtool.database.connection import Connection
from dbtool.errors import OperationError, UsageError

DIRECTORY = Path(".dbtool")
"""Where the journal is kept unless something else is said."""

_AT_WORK = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'transactionid'
  AND mode = 'ExclusiveLock' AND granted AND transactionid = ANY ($1::text[]::xid8[]::xid[]))
"""
"""A transaction that writes holds the lock on its own number until it has ended."""

_STATES = """
SELECT xid::text AS xid, pg_xact_status(xid) AS status FROM unnest($1::text[]::xid8[]) AS xid
"""


@dataclass(frozen=True, slots=True)
class Portion:
    """Some blocks of one table, loaded in one transaction."""

    table: str
    first: int
    stop: int
    rows: int


@dataclass(slots=True)
class Journal:
    """The file of one run; its first line is what the run was to do.

    A run that commits nothing leaves the file of the one before, which can still be resumed.
    """

    path: Path
    header: Mapping[str, Any] = field(default_factory=dict)
    noted: dict[Portion, str] = field(default_factory=dict)

    def begin(self, header: Mapping[str, Any]) -> None:
        """Start anew, with the first part that is noted."""
        with self._written():
            kept.make(self.path.parent)
        self.header, self.noted = header, {}

    def read(self) -> None:
        """Read what an interrupted run left; raises UsageError where there was none."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
            self.header = json.loads(lines[0])
        except (OSError, ValueError, IndexError) as error:
            raise UsageError(
                "no interrupted run to resume",
                detail="Only a run with --jobs commits in parts; any other one is loaded whole or"
                " not at all. Its state is kept in .dbtool of the project.",
                hint="Run it without --resume.",
            ) from error
        for line in lines[1:]:
            # A line is cut short where the disk was full.
            if line.endswith("]"):
                table, first, stop, rows, xid = json.loads(line)
                self.noted[Portion(table, first, stop, rows)] = xid

    def note(self, portion: Portion, xid: str) -> None:
        """Note a part that is about to be committed; on disk when this returns."""
        line = [portion.table, portion.first, portion.stop, portion.rows, xid]
        before = "" if self.noted else json.dumps(self.header)
        with self._written(), self.path.open("a" if self.noted else "w", encoding="utf-8") as file:
            # A line that a full disk cut short is no part of this one.
            file.write(f"{before}\n{json.dumps(line)}\n")
            file.flush()
            os.fsync(file.fileno())
        self.noted[portion] = xid

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OperationError(
                f'cannot note in "{self.path.parent}" what a run in parts commits',
                detail=f"{error.strerror or error}.",
                hint="Without --jobs nothing has to be noted: one transaction loads all or none.",
            ) from error

    def refuse_others(self) -> None:
        """Raise where another run has gone on since this was read."""
        now = Journal(self.path)
        now.read()
        if (now.header, now.noted) != (self.header, self.noted):
            raise OperationError(
                "another run loaded rows while this one was prepared",
                detail="Nothing was loaded.",
                hint="Run it again with --resume, if it was interrupted too.",
            )

    def end(self) -> None:
        """The run is complete."""
        if self.noted:
            self.path.unlink(missing_ok=True)

    async def is_at_work(self, connection: Connection) -> bool:
        """Whether a part has not ended: nobody sees its rows yet, and they may still come."""
        return bool(await connection.fetchval(_AT_WORK, list(self.noted.values())))

    async def refuse_at_work(self, connection: Connection) -> None:
        """Raise where a part has not ended."""
        if await self.is_at_work(connection):
            raise _at_work()

    async def committed(self, connection: Connection) -> frozenset[Portion]:
        """The parts that are there, as the server says."""
        found: set[Portion] = set()
        try:
            rows = await connection.fetch(_STATES, list(self.noted.values()))
        except InvalidParameterValueError as error:
            raise self._untold(f"{error}: the server was restored to before it.") from error
        states = {row["xid"]: row["status"] for row in rows}
        for portion, xid in self.noted.items():
            state = states[xid]
            if state == "in progress":
                raise _at_work()
            if state is None:
                raise self._untold("It is too old.")
            if state == "committed":
                found.add(portion)
        return frozenset(found)

    def _untold(self, why: str) -> OperationError:
        return OperationError(
            "the server does not know what the interrupted run committed",
            detail=why,
            hint="dbtool seed reset empties the tables; to keep what is there, delete"
            f" {self.path}. Then run it anew.",
        )


def _at_work() -> OperationError:
    return OperationError(
        "a part of the interrupted run is still at work on the server",
        hint="Wait until it has ended; dbtool now shows it.",
    )


async def stands(connection: Connection, table: str) -> bool:
    """Whether a table that was filled is still a table of this name."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class"
            " WHERE oid = to_regclass($1) AND relkind IN ('r', 'p'))",
            table,
        )
    )


async def journal(connection: Connection, directory: Path) -> Journal:
    """The journal of runs into this database."""
    identity = await connection.fetchval(
        "SELECT system_identifier::text || '-' || (SELECT oid FROM pg_database"
        " WHERE datname = current_database())::text FROM pg_control_system()"
    )
    return Journal(directory / f"seed-{identity}.jsonl")
