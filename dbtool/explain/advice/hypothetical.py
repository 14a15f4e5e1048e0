"""The server's own planner, shown indexes that only HypoPG pretends to hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.planner import Asked, Planned, with_used
from dbtool.explain.advice.tables import Known
from dbtool.explain.session import RefusedByServerError, guarded
from dbtool.guard import Standing
from dbtool.sql.text import quoted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_INSTALLED = """
SELECT n.nspname, e.extversion FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'
"""
_METHODS = frozenset({"btree", "hash", "brin", "bloom"})
_SUSPECT = "1.4.1"
"""A release of which a crash with INCLUDE was reported; it would end every session of a server."""


class Hypothetical:
    """HypoPG's indexes live in one session's memory: nothing is locked, written or shared."""

    def __init__(
        self, connection: "Connection", schema: str, version: str, known: Known, seconds: float
    ) -> None:
        self._connection = connection
        self._schema = quoted(schema)
        self._version = version
        self._known = known
        self._seconds = seconds
        self.careful = True
        self.names: dict[Candidate, str] = {}

    @property
    def told(self) -> str:
        """Which planner that is."""
        return f"by this server's planner, through HypoPG {self._version}"

    def refused(self, candidate: Candidate) -> str:
        """HypoPG knows some methods, and its indexes have to be plain for it."""
        if candidate.method not in _METHODS:
            return f"HypoPG pretends no {candidate.method} index"
        if candidate.include and self.careful and self._version.startswith(_SUSPECT):
            return f"HypoPG {_SUSPECT} is not trusted with INCLUDE outside of development"
        return ""

    async def plan(
        self,
        asked: Asked,
        indexes: Sequence[Candidate] = (),
        settings: Sequence[tuple[str, str]] = (),
    ) -> Planned:
        """Plan in a transaction of its own, so that no lock is kept between two plans."""
        reset = f"SELECT {self._schema}.hypopg_reset()"
        holders: dict[str, Candidate] = {}
        try:
            async with guarded(self._connection, self._seconds, settings=settings) as session:
                await self._connection.execute(reset)
                for candidate in indexes:
                    for statement in self._statements(candidate):
                        holders[await self._pretend(statement)] = candidate
                plan = await asked.plan(session)
                await self._connection.execute(reset)
        except RefusedByServerError:
            # What is pretended outlives the transaction, and behind a pooler this session.
            await self._connection.execute(reset)
            raise
        names = {name: self.names.get(each, name) for name, each in holders.items()}
        return with_used(plan, holders, names)

    async def _pretend(self, statement: str) -> str:
        """Have an index pretended; its name."""
        create = f"SELECT indexname FROM {self._schema}.hypopg_create_index($1)"
        return str(await self._connection.fetchval(create, statement))

    def _statements(self, candidate: Candidate) -> list[str]:
        """A partitioned table has no pages: each of its parts is given an index of its own."""
        table = self._known.table(candidate.schema, candidate.table)
        places = table.leaves if table else ()
        on = [f"{quoted(schema)}.{quoted(name)}" for schema, name in places]
        return [
            candidate.sql("dbtool_advice", concurrently=False, on=place)
            for place in on or [candidate.on]
        ]


async def installed(
    connection: "Connection", known: Known, standing: Standing | None, seconds: float
) -> Hypothetical | None:
    """The planner with HypoPG, where the extension is installed already."""
    async with guarded(connection, seconds):
        row = await connection.fetchrow(_INSTALLED)
    if row is None:
        return None
    found = Hypothetical(connection, row["nspname"], row["extversion"], known, seconds)
    found.careful = standing is not Standing.DEVELOPMENT
    return found
