"""Whether `seed verify` with the options of a run can compare what the run leaves."""

from collections.abc import Collection
from dataclasses import replace

from asyncpg.exceptions import PostgresError

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.seed.build import build
from dbtool.seed.found import Found
from dbtool.seed.journal import Portion
from dbtool.seed.live import LiveTable
from dbtool.seed.plan import Planned, Request
from dbtool.seed.shares import is_more


def comparable(
    session: SyncConnection,
    before: Found,
    request: Request,
    planned: Planned,
    done: Collection[Portion] = (),
) -> bool:
    """Whether rows that were there `before`, and those planned now, make about the plan's.

    That plan is the one of the request for tables without rows. What is `done` of those planned
    is there already.
    """
    if not before.first_blocks:
        return True
    added = {each.table.name: each.population.count for each in planned.loads}
    for each in build(replace(before, first_blocks={}), request).loads:
        table, wanted = each.table, each.population.count
        there = added.get(table.name, 0)
        if table.name in before.first_blocks:
            held = _held(session, table, 2 * wanted + 1)
            if held is None:
                return False
            there += held - sum(each.rows for each in done if each.table == table.name)
        if there < wanted or is_more(each, there):
            return False
    return True


def _held(session: SyncConnection, table: LiveTable, most: int) -> int | None:
    """The rows of a table, but no more than `most`; None where there is no answer."""

    async def ask(connection: Connection) -> int:
        async with connection.limits():
            return int(
                await connection.fetchval(
                    f"SELECT count(*) FROM (SELECT FROM {table.name} LIMIT {most}) AS t"
                )
            )

    try:
        return session.run(ask)
    except PostgresError:
        return None
