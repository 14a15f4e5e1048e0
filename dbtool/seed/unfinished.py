"""Add no rows behind those of an interrupted run: it is resumed, or what it loaded is emptied.

Resumed at once it may still be ending on the server: that is waited for.
"""

from collections.abc import Collection
from pathlib import Path

from dbtool.database.connection import Connection
from dbtool.errors import UsageError
from dbtool.ports import Progress
from dbtool.report import counted, duration
from dbtool.seed import turn
from dbtool.seed.journal import Journal, journal, stands
from dbtool.seed.settled import settled


async def refuse(connection: Connection, directory: Path, emptied: Collection[str]) -> None:
    """Raise where an interrupted run left rows in tables that are not emptied first."""
    if not any(directory.glob("seed-*.jsonl")):
        return
    async with connection.limits():
        kept = await journal(connection, directory)
        if await turn.is_taken(connection):
            raise turn.taken()
        try:
            kept.read()
        except UsageError:
            return
        await kept.refuse_at_work(connection)
        rows = await _rows(connection, kept, emptied)
    if rows:
        raise UsageError(
            "an interrupted run has loaded only part of its rows",
            detail=f"{counted(rows, 'row')} of it are there. Others would be numbered behind them,"
            " and it could no longer be resumed. No generated row was loaded.",
            hint="With the options it had, --resume loads the rest; dbtool seed reset or"
            f" --truncate takes all away. To keep them as they are, delete {kept.path}.",
        )


async def wait(connection: Connection, directory: Path, seconds: float, progress: Progress) -> None:
    """Wait until the run to resume has ended on the server; raises where one still goes on."""
    if not any(directory.glob("seed-*.jsonl")):
        return
    async with connection.limits():
        kept = await journal(connection, directory)
    if not kept.path.exists():
        return
    pids: list[int] = []

    async def is_at_work() -> bool:
        async with connection.limits():
            pids[:] = await turn.at_work(connection)
        return bool(pids)

    def tell() -> None:
        named, limit = ", ".join(map(str, pids)), duration(seconds)
        progress.step(f"waiting up to {limit} for a dbtool seed that is still at work: pid {named}")

    await settled(is_at_work, seconds, tell)
    async with connection.limits():
        if await turn.is_taken(connection):
            raise turn.taken()


async def _rows(connection: Connection, kept: Journal, emptied: Collection[str]) -> int:
    """Rows that the run committed into tables where some of them still are.

    Only then is the server asked what it knows of the run: it forgets, and may be restored.
    """
    left = set()
    for table in sorted({each.table for each in kept.noted} - set(emptied)):
        xids = [xid for each, xid in kept.noted.items() if each.table == table]
        if await stands(connection, table) and await connection.fetchval(
            _THERE.format(table), xids
        ):
            left.add(table)
    if not left:
        return 0
    return sum(each.rows for each in await kept.committed(connection) if each.table in left)


_THERE = "SELECT EXISTS (SELECT FROM {} WHERE xmin = ANY ($1::text[]::xid8[]::xid[]))"
