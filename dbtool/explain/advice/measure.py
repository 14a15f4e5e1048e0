"""Build an index where nobody is held up by it, run the statement, and take all of it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.errors import LockNotObtained, OperationError, UsageError
from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.planner import Asked
from dbtool.explain.plan import Plan
from dbtool.explain.session import Purpose, RefusedByServerError, Session, guarded
from dbtool.guard import Standing

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

SECONDS = 30.0
_LOCKED = "55P03"


@dataclass(frozen=True, slots=True)
class Measured:
    """A statement's plan with the index in it, run; the one before was run right before."""

    before: Plan
    after: Plan


def check(standing: Standing | None) -> None:
    """Building an index keeps everybody from writing: only a development server is for that."""
    if standing is not Standing.DEVELOPMENT:
        said = "production" if standing is Standing.PRODUCTION else "not known to be development"
        raise UsageError(
            "--measure builds the index, which is for development servers",
            detail=f"This one is {said}: nobody could write to the table meanwhile.",
            hint="Without --measure a planner is asked, and nothing is built.",
        )


async def measure(
    connection: "Connection", asked: Sequence[Asked], indexes: Mapping[Candidate, str]
) -> tuple[Measured, ...]:
    """Each statement before, and with the indexes, built in a transaction that is rolled back."""
    async with guarded(connection, SECONDS) as session:
        before = [await session.run(each.text, each.line) for each in asked]
    async with guarded(connection, SECONDS, purpose=Purpose.WRITE):
        for candidate, name in indexes.items():
            try:
                await connection.execute(candidate.sql(name, concurrently=False))
            except PostgresError as error:
                raise _refused(error, candidate) from error
        # From here on the statements may write no more than they might before.
        await connection.execute("SET LOCAL transaction_read_only = on")
        reading = Session(connection, SECONDS)
        try:
            after = [await reading.run(each.text, each.line) for each in asked]
        except RefusedByServerError as refused:
            raise OperationError("the statement failed with the index", detail=str(refused)) from (
                refused.error
            )
    return tuple(Measured(*each) for each in zip(before, after, strict=True))


def _refused(error: PostgresError, candidate: Candidate) -> Exception:
    if getattr(error, "sqlstate", "") == _LOCKED:
        return LockNotObtained(
            f"the table {candidate.table} is locked by another session",
            detail="Nothing was built.",
        )
    return OperationError(f"the index on {candidate.shown} could not be built", detail=str(error))
