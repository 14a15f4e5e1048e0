"""Keep reference rows as their files have them: compare, ask where something differs, write."""

from dataclasses import dataclass

from asyncpg.exceptions import LockNotAvailableError, PostgresError

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import LockNotObtained, OperationError
from dbtool.guard import Action, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress
from dbtool.report import counted
from dbtool.seed.allow import allow
from dbtool.seed.load import Outcome, commit, roll_back
from dbtool.seed.reference import ReferenceTable
from dbtool.seed.run import interruptible, opened
from dbtool.seed.sides import Compared, sides
from dbtool.seed.upsert import Upsert

_LOCK = int.from_bytes(b"db rows")
_SHOWN = 20
_LIMITS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"


@dataclass(frozen=True, slots=True)
class Maintained:
    """What differed between files and database; written unless it was only shown."""

    database: str
    compared: Compared
    dry_run: bool = False

    @property
    def writes(self) -> int:
        """How many rows were, or would be, written or deleted."""
        return len(self.compared.changes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows that files have; whether others are deleted, and whether it is only shown."""

    tables: tuple[ReferenceTable, ...]
    prune: bool = False
    dry_run: bool = False


def maintain(
    target: Target, models: Models, wanted: Wanted, permission: Permission, progress: Progress
) -> Maintained:
    """Insert what is missing and update what differs; with `prune` delete what no file has.

    What differs is found by reading alone; the guard is asked before the first row is locked.
    """
    outcome = Outcome()
    with interruptible(outcome, "no row was written"), opened(target) as session:
        compared = session.run(lambda it: _compare(it, models, wanted))
        if wanted.dry_run or not compared.changes:
            return Maintained(target.shown, compared, wanted.dry_run)
        lost = _losses(compared)
        action = Action.TRUNCATE if lost else Action.REFERENCE
        allow(session, target, action, permission, progress, lost)
        progress.step(f"writing {counted(len(compared.changes), 'row')}")
        done = _written(session, models, wanted, outcome, compared)
        return Maintained(target.shown, done)


def _written(
    session: SyncConnection, models: Models, wanted: Wanted, outcome: Outcome, named: Compared
) -> Compared:
    async def write(connection: Connection) -> Compared:
        transaction = connection.transaction()
        await transaction.start()
        try:
            # Whoever holds a row must not make others wait behind us for long.
            await connection.execute(_LIMITS)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            found = await sides(connection, wanted.tables, prune=wanted.prune)
            done = await Upsert(connection, models, found, writes=True).run(prune=wanted.prune)
            _refuse_news(named, done)
            await commit(transaction, outcome)
            return done
        finally:
            if not outcome.committed:
                await roll_back(transaction)

    try:
        return session.run(write)
    except LockNotAvailableError as error:
        raise LockNotObtained(
            "a reference row or its table is locked by another session",
            detail=f"{error}. Nothing was written.",
            hint="dbtool locks shows who holds it; run this again when they are done.",
        ) from error
    except PostgresError as error:
        raise OperationError(
            f"the server refused reference rows: {error.args[0] if error.args else error}",
            detail=f"{type(error).__name__}. The transaction is rolled back: nothing was written.",
        ) from error


async def _compare(connection: Connection, models: Models, wanted: Wanted) -> Compared:
    transaction = connection.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    try:
        await connection.execute(_LIMITS)
        found = await sides(connection, wanted.tables, prune=wanted.prune)
        return await Upsert(connection, models, found, writes=False).run(prune=wanted.prune)
    except LockNotAvailableError as error:
        raise LockNotObtained(
            "a reference table is locked by another session",
            detail=f"{error}. Nothing was written.",
            hint="dbtool locks shows who holds it; run this again when they are done.",
        ) from error
    finally:
        await roll_back(transaction)


def _deleted(compared: Compared) -> list[str]:
    gone = [each for each in compared.changes if each.kind == "delete"]
    return [f"{each.table} {each.key}" for each in gone]


def _refuse_news(named: Compared, done: Compared) -> None:
    """Delete no row but those that were named when the guard was asked."""
    known = set(_deleted(named))
    if new := [each for each in _deleted(done) if each not in known]:
        raise OperationError(
            f"rows that were not named would be deleted: {'; '.join(new[:_SHOWN])}",
            detail="They appeared since the rows were compared. Nothing was written.",
            hint="Run it again; it compares anew.",
        )


def _losses(compared: Compared) -> str:
    """The rows that will be deleted, by name."""
    gone = _deleted(compared)
    if not gone:
        return ""
    names = gone[:_SHOWN]
    more = f" and {len(gone) - _SHOWN:,} more" if len(gone) > _SHOWN else ""
    return f"{counted(len(gone), 'row')} will be deleted: {'; '.join(names)}{more}"
