"""Find a planner that can be shown indexes: with HypoPG the server's, else a throwaway one's."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import postgast
from asyncpg.exceptions import InterfaceError, PostgresError

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, Interrupted
from dbtool.explain.advice import hypothetical
from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.planner import Asked, Planner
from dbtool.explain.advice.replica import replica
from dbtool.explain.advice.tables import Known
from dbtool.explain.failures import Sent, tell
from dbtool.explain.session import RefusedByServerError
from dbtool.guard import Standing
from dbtool.ports import Progress, Silent
from dbtool.scratch.ended import Ended

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

T = TypeVar("T")

SECONDS = 10.0
"""How long any one statement of ours may take on the server."""


@dataclass(frozen=True, slots=True)
class Place:
    """The database that the statements are for."""

    target: Target
    standing: Standing | None = None
    progress: Progress = field(default_factory=Silent)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Connection"]:
        """A connection that no other work is done on."""
        connection = await connect(self.target)
        try:
            yield connection
        except RefusedByServerError as refused:
            raise await tell(refused.error, refused.sent, connection) from refused.error
        except PostgresError as error:
            raise await tell(error, Sent("", 1, 0, SECONDS), connection) from error
        except (OSError, InterfaceError) as error:
            raise ConnectError("the connection was lost", detail=str(error)) from error
        finally:
            await connection.close(timeout=2.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a planner is to be shown: indexes by name, for statements on known tables."""

    known: Known
    asked: tuple[Asked, ...]
    names: Mapping[Candidate, str]

    @property
    def tables(self) -> frozenset[str]:
        """The tables that the statements name, which a plan may do without."""
        found: set[str] = set()
        for each in self.asked:
            with suppress(postgast.PgQueryError):
                named = postgast.extract_tables(postgast.parse(each.text))
                found.update(name.rpartition(".")[2] for name in named)
        return frozenset(found)


def together(work: "Coroutine[Any, Any, T]") -> T:
    """Run it to its end; an interrupt leaves nothing behind."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", detail="Nothing was created on the server.") from None


async def planner(
    place: Place, connection: "Connection", shown: Shown, stack: AsyncExitStack
) -> tuple[Planner | None, str]:
    """The planner, which lives as long as the stack; or why there is none.

    Raises Ended where the throwaway server ended by itself, which says nothing of what it was for.
    """
    pretending = await hypothetical.installed(connection, shown.known, place.standing, SECONDS)
    if pretending is not None and not all(map(pretending.refused, shown.names)):
        pretending.names.update(shown.names)
        return pretending, ""
    place.progress.step(
        "starting a throwaway server with the schema and statistics of the database"
    )
    try:
        async with AsyncExitStack() as begun:
            copy = await begun.enter_async_context(
                replica(place.target, connection, shown.known, SECONDS, shown.tables)
            )
            await copy.show(dict(shown.names))
            for each in shown.asked:
                await copy.plan(each)
            stack.push_async_exit(begun.pop_all())
    except Ended:
        raise
    except RefusedByServerError as error:
        return None, f"the throwaway server cannot plan the statement: {error}"
    except PostgresError as error:
        return None, f"no throwaway server could be set up: {error}"
    except DbtoolError as error:
        return None, in_words(error)
    return copy, ""


def in_words(error: DbtoolError) -> str:
    """Why there is no planner, in one line."""
    return " ".join(each for each in (error.message, error.detail) if each)
