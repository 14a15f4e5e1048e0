"""Ask the guard whether rows may be written or lost, and say where a name overrode it."""

from dbtool import guard
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.guard import Action, Classified, Permission, Standing
from dbtool.ports import Progress


def allow(
    session: SyncConnection,
    target: Target,
    action: Action,
    permission: Permission,
    progress: Progress,
    losses: str = "",
) -> Classified:
    """Return when the guard lets the action happen in this database."""
    marked = permission.environment(target)

    async def classify(connection: Connection) -> Classified:
        async with connection.limits():
            return await guard.classify(connection, target, marked)

    classified = session.run(classify)
    needed = guard.need(action, classified.standing)
    if losses and permission.covers(needed):
        progress.note(losses)
    guard.permit(action, classified, target.database, permission.consent, permission.ask, losses)
    _log(target, action, permission, classified, progress)
    return classified


def _log(
    target: Target,
    action: Action,
    permission: Permission,
    classified: Classified,
    progress: Progress,
) -> None:
    """What a confirmed name lets through has to be found again later."""
    needed = guard.need(action, classified.standing)
    named = permission.consent.confirm_database is not None
    if not named or classified.standing is Standing.DEVELOPMENT or needed is guard.Need.NOTHING:
        return
    fields = {"database": target.database, "standing": str(classified.standing)}
    if not progress.log("override", {**fields, "reason": classified.reason}):
        what = (
            "is production" if classified.standing is Standing.PRODUCTION else "may be production"
        )
        progress.note(f'"{target.database}" {what} ({classified.reason}); its name was confirmed')
