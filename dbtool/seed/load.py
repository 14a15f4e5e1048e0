"""Load planned rows into the database: all of them in one transaction, or none."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from asyncpg.exceptions import InterfaceError, PostgresError
from asyncpg.transaction import Transaction

from dbtool.database.connection import Connection
from dbtool.errors import OperationError
from dbtool.ports import Progress
from dbtool.report import counted, duration
from dbtool.seed import bulk, live, truncate, turn
from dbtool.seed.copying import copy
from dbtool.seed.plan import Load, Planned
from dbtool.seed.trouble import NOTHING, told
from dbtool.seed.truncate import Doomed


class Mode(StrEnum):
    """How constraints meet the rows."""

    ONLINE = "online"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One table that was filled."""

    name: str
    rows: int
    seconds: float
    bytes: int = 0


@dataclass(slots=True)
class Outcome:
    """Whether the rows are there to stay; true from the moment the server said so."""

    committed: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How a load goes: with constraints in place or not, after which rows are gone, for good."""

    mode: Mode = Mode.ONLINE
    doomed: tuple[Doomed, ...] = ()
    keep: bool = True


async def load(
    connection: Connection, planned: Planned, progress: Progress, outcome: Outcome, way: Way
) -> tuple[Loaded, ...]:
    """Load every table, parents first; roll it back unless the way is to keep it."""
    rows, tables = counted(planned.plan.rows, "row"), counted(len(planned.loads), "table")
    progress.step(f"loading {rows} into {tables}")
    transaction = connection.transaction()
    await transaction.start()
    try:
        # A lock somebody else holds must not make the tables wait behind us.
        await connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0")
        await turn.take(connection)
        if way.keep:
            # Numbers that the application draws meanwhile are behind the keys made here.
            await set_sequences(connection, [e for e in planned.loads if e.population.first_block])
        done = await _fill(connection, planned, progress, way)
        if way.keep:
            await set_sequences(connection, planned.loads)
            await commit(transaction, outcome)
    finally:
        if not outcome.committed:
            await roll_back(transaction)
    return done


async def _fill(
    connection: Connection, planned: Planned, progress: Progress, way: Way
) -> tuple[Loaded, ...]:
    aside = bulk.Aside()
    if way.mode is Mode.BULK:
        tables = [each.table.name for each in planned.loads]
        aside = await bulk.set_aside(connection, tables, [edge.name for edge in planned.absent])
    await truncate.empty(connection, way.doomed)
    await refuse_company(connection, planned)
    if planned.deferred:
        await connection.execute("SET CONSTRAINTS ALL DEFERRED")
    done = await _copy_all(connection, planned, progress)
    if not way.keep:
        done = tuple(
            [await _measured(connection, *each) for each in zip(done, planned.loads, strict=True)]
        )
    await _check_deferred(connection)
    await bulk.put_back(connection, aside, progress)
    await _afterwards(connection, planned)
    return done


async def _afterwards(connection: Connection, planned: Planned) -> None:
    """What the user's own hooks do to the rows of the tables that were loaded."""
    loaded = {each.table.sql_name for each in planned.loads}
    for each in planned.after:
        if each.table not in loaded:
            continue
        try:
            await connection.execute(each.sql)
        except PostgresError as error:
            raise OperationError(
                f"the hook {each.name} failed",
                detail=f"{type(error).__name__}: {error}\n{NOTHING}",
            ) from error


async def refuse_company(connection: Connection, planned: Planned) -> None:
    """Stop where rows have appeared since the survey."""
    empty = [each.table for each in planned.loads if not each.population.first_block]
    appeared = await live.filled(connection, empty)
    if appeared:
        shown = ", ".join(table.shown for table in empty if table.name in appeared)
        raise OperationError(
            f"rows appeared in {shown} while the plan was made",
            detail=NOTHING,
            hint="Run it again if more rows are wanted.",
        )


async def commit(transaction: Transaction, outcome: Outcome) -> None:
    """Commit; an interrupt waits for the server's answer, which nobody could guess."""
    committing = asyncio.ensure_future(transaction.commit())
    try:
        await asyncio.shield(committing)
    except asyncio.CancelledError:
        await committing
        raise
    finally:
        outcome.committed = committing.done() and not committing.exception()


async def roll_back(transaction: Transaction) -> None:
    """Roll back, where there is still a session to do it in."""
    # A session that an interrupt closed has been rolled back by the server.
    with suppress(InterfaceError, PostgresError, OSError):
        await transaction.rollback()


class Advance:
    """Tells how far a load is, how fast it goes and how long it will still take."""

    def __init__(self, progress: Progress, total: int, done: int = 0) -> None:
        self._progress = progress
        self._total = total
        self._done = done
        self._before: int | None = None
        self._began = 0.0

    def __call__(self, rows: int) -> None:
        """So many more rows went out."""
        self._done += rows
        if self._before is None:
            # The first rows tell how long the beginning took, and nothing of the rate.
            self._before, self._began = self._done, time.monotonic()
        elapsed = time.monotonic() - self._began
        told = "rows"
        if elapsed > 1 and self._done > self._before:
            rate = (self._done - self._before) / elapsed
            left = duration(round(max(self._total - self._done, 0) / rate))
            told = f"rows, {rate:,.0f}/s, {left} left"
        self._progress.advance(self._done, self._total, told)


async def _copy_all(
    connection: Connection, planned: Planned, progress: Progress
) -> tuple[Loaded, ...]:
    done: list[Loaded] = []
    advance = Advance(progress, planned.plan.rows)
    for each in planned.loads:
        began = time.perf_counter()
        if each.population.count:
            await copy(connection, each, each.population.blocks, advance)
        seconds = time.perf_counter() - began
        done.append(Loaded(each.table.shown, each.population.count, seconds))
    return tuple(done)


async def _measured(connection: Connection, done: Loaded, each: Load) -> Loaded:
    """The same table with what its rows and their index entries take, as far as can be told."""
    total = await connection.fetchval(
        f"SELECT sum(pg_column_size(t)) + 4 * count(*) FROM {each.table.name} AS t"
        " WHERE xmin = pg_current_xact_id()::xid"
    )
    keys = await connection.fetchval(_INDEX_ENTRIES, each.table.name)
    return Loaded(done.name, done.rows, done.seconds, int(total or 0) + int(keys * done.rows))


_INDEX_ENTRIES = """
SELECT coalesce(sum(20 + (SELECT coalesce(sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 20 END), 0)
    FROM pg_attribute a WHERE a.attrelid = i.indexrelid)), 0) * 1.2
FROM pg_index i WHERE i.indrelid = $1::text::regclass
"""
"""Bytes an entry takes in all indexes of a table together: header, pointer, key, slack."""


async def _check_deferred(connection: Connection) -> None:
    """Check now what a commit would check, so that a failure has the name of its table."""
    try:
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except PostgresError as error:
        raise told(error, getattr(error, "table_name", "") or "a table") from error


async def set_sequences(connection: Connection, loads: Sequence[Load]) -> None:
    """Let each sequence go on behind the last key that was written."""
    for each in loads:
        for sequence in each.sequences if each.population.count else ():
            try:
                await connection.execute(
                    "SELECT setval($1::text::regclass, greatest($2::bigint,"
                    " coalesce(pg_sequence_last_value($1::text::regclass), 1)))",
                    sequence.name,
                    sequence.last,
                )
            except PostgresError as error:
                raise told(error, sequence.name) from error


async def analyze(connection: Connection, planned: Planned, progress: Progress) -> None:
    """Fresh statistics for the planner; the rows stay loaded where this fails."""
    names = ", ".join(each.table.name for each in planned.loads if each.population.count)
    if not names:
        return
    progress.step("analyzing the tables")
    try:
        async with connection.limits():
            await connection.execute(f"ANALYZE {names}")
            if connection.is_in_transaction():
                await connection.execute("COMMIT")
    except PostgresError as error:
        progress.note(f"ANALYZE failed, the rows are loaded: {error}")
