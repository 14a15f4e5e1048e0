"""Begin the numbering of added rows behind all rows that earlier runs made."""

from dataclasses import replace

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.seed.build import build
from dbtool.seed.found import Found
from dbtool.seed.plan import Load, Planned, Request
from dbtool.sql.text import quoted


def fresh(session: SyncConnection, found: Found, request: Request) -> tuple[Found, Planned]:
    """What is found and planned once no added row has the key of one that is there.

    A key that is no number does not tell how many rows were made before: where the keys of a
    block are there, an earlier run made it, and the next one is tried.
    """
    while True:
        planned = build(found, request)
        taken = _taken(session, planned)
        if not taken:
            return found, planned
        next_blocks = {name: found.first_blocks[name] + 1 for name in taken}
        found = replace(found, first_blocks={**found.first_blocks, **next_blocks})


def _taken(session: SyncConnection, planned: Planned) -> list[str]:
    """The tables where the keys of the first block are there already."""
    added = [each for each in planned.loads if each.population.first_block]
    return session.run(lambda connection: _found(connection, added))


async def _found(connection: Connection, added: list[Load]) -> list[str]:
    taken: list[str] = []
    for each in added:
        key, population = each.table.primary_key, each.population
        if len(key) != 1 or key[0] not in population.generators or not population.count:
            continue
        made = population.generators[key[0]]
        if made.kind in ("sequence", "foreign key"):
            continue
        texts = population.block(population.first_block).texts(key[0])
        sql = (
            f"SELECT EXISTS (SELECT FROM {each.table.name} WHERE {quoted(key[0])}::text = ANY ($1))"
        )
        async with connection.limits():
            if await connection.fetchval(sql, list(texts)):
                taken.append(each.table.name)
    return taken
