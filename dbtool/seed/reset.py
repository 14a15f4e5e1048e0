"""Empty the tables of the models, and start their sequences anew."""

from dataclasses import dataclass

from dbtool.database.connection import Connection
from dbtool.database.target import Target
from dbtool.guard import Action, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress
from dbtool.seed import truncate, turn
from dbtool.seed.allow import allow
from dbtool.seed.load import Outcome
from dbtool.seed.plan import Request
from dbtool.seed.run import interruptible, opened
from dbtool.seed.survey import survey
from dbtool.seed.truncate import NOTHING_LOST, Doomed, doomed, losses


@dataclass(frozen=True, slots=True)
class Emptied:
    """The tables that were emptied, with the rows each lost; in a dry run would be."""

    database: str
    tables: tuple[Doomed, ...]
    rows: int
    dry_run: bool = False


def reset(
    target: Target,
    models: Models,
    request: Request,
    permission: Permission,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> Emptied:
    """Empty the tables asked for and all that refer to them, in one transaction."""
    outcome = Outcome()
    with interruptible(outcome, NOTHING_LOST), opened(target) as session:

        async def look(connection: Connection) -> tuple[Doomed, ...]:
            found = await survey(connection, models, request, writing=False)
            async with connection.limits():
                return await doomed(connection, [table.name for table in found.tables])

        async def empty(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = 0")
                await turn.take(connection)
                await truncate.empty(connection, lost)
            outcome.committed = True

        lost = session.run(look)
        if not dry_run:
            action = Action.TRUNCATE if losses(lost) else Action.GENERATE_EMPTY
            allow(session, target, action, permission, progress, losses(lost))
            session.run(empty)
    return Emptied(target.shown, lost, sum(each.rows for each in lost), dry_run)
