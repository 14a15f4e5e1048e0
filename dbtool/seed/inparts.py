"""A run that commits in parts: what it may be combined with, how it begins and is resumed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted, OperationError, UsageError
from dbtool.ports import Progress
from dbtool.seed.found import Found
from dbtool.seed.jobs import Jobs
from dbtool.seed.journal import DIRECTORY, Journal, Portion, journal, stands
from dbtool.seed.keys import Given
from dbtool.seed.load import Loaded
from dbtool.seed.plan import Planned
from dbtool.seed.rows import Population
from dbtool.seed.trouble import DONE, STAYS


@dataclass(frozen=True, slots=True)
class InParts:
    """One run in parts, with its journal and what an interrupted one had done."""

    journal: Journal
    done: frozenset[Portion] = frozenset()

    @classmethod
    def of(cls, session: SyncConnection, directory: Path | None, *, resume: bool) -> "InParts":
        """The run into this database, new or as its journal left it."""
        place = directory or DIRECTORY
        kept = session.run(lambda connection: journal(connection, place))
        if not resume:
            return cls(kept)
        kept.read()
        return cls(kept, session.run(kept.committed))

    def resumed(self, session: SyncConnection, found: Found) -> Found:
        """What there was when the run began; raises where what it committed is gone."""
        session.run(self._refuse_loss)
        first: Mapping[str, int] = self.journal.header["first_blocks"]
        return replace(found, first_blocks=first)

    async def _refuse_loss(self, connection: Connection) -> None:
        """Raise where a table has fewer rows than were committed, or only rows of others."""
        for table in sorted({each.table for each in self.done}):
            ours = [each for each in self.done if each.table == table]
            there = 0
            if await stands(connection, table):
                there = await connection.fetchval(
                    "SELECT CASE WHEN bool_or(xmin = ANY ($1::text[]::xid8[]::xid[]))"
                    f" THEN count(*) ELSE 0 END FROM {table}",
                    [self.journal.noted[each] for each in ours],
                )
            if there < sum(each.rows for each in ours):
                raise OperationError(
                    f"rows of {table} that the interrupted run had committed are gone",
                    detail="What else it loaded refers to them. Nothing was loaded.",
                    hint="dbtool seed reset empties the tables; then run it anew.",
                )

    def load(
        self,
        session: SyncConnection,
        target: Target,
        planned: Planned,
        progress: Progress,
        jobs: int,
    ) -> tuple[Loaded, ...]:
        """Load what is not there yet; an interrupt says what it leaves behind."""
        try:
            return self._load(session, Jobs(target, planned, self.journal, progress), planned, jobs)
        except KeyboardInterrupt:
            if not self.journal.noted:
                raise
            there = self.journal.path.exists()  # until every row is committed
            raise Interrupted("interrupted", detail=STAYS if there else DONE) from None

    def _load(
        self, session: SyncConnection, run: Jobs, planned: Planned, jobs: int
    ) -> tuple[Loaded, ...]:
        if planned.deferred:
            raise OperationError(
                "these tables refer to each other in a cycle: only one transaction can fill them",
                detail="Nothing was loaded.",
                hint="Leave --jobs out.",
            )
        header = {
            "plan": _identity(planned),
            "first_blocks": {
                each.table.name: each.population.first_block
                for each in planned.loads
                if each.population.first_block
            },
        }
        if self.journal.header and self.journal.header["plan"] != header["plan"]:
            raise UsageError(
                "the run to resume was another one",
                detail="The options, the models, the tables, the rows they refer to or the version"
                " of dbtool differ from those it began with. Nothing was loaded.",
                hint="Give it the options it had, or empty the tables with dbtool seed reset.",
            )
        session.run(run.hold)
        # The journal of a run that still goes on is its own until the lock is ours.
        if self.journal.header:
            self.journal.refuse_others()
        else:
            self.journal.begin(header)
        return run.run(session, jobs, self.done)


def _identity(planned: Planned) -> str:
    """The plan and the keys that are there already, which decide rows too."""
    total = hashlib.sha256(planned.plan.fingerprint.encode())
    for each in planned.loads:
        for parent in _parents(each.population):
            for name, made in sorted(parent.generators.items()):
                if isinstance(made, Given):
                    total.update(repr((parent.name, name, made.values)).encode())
    return total.hexdigest()


def _parents(population: Population) -> list[Population]:
    found: dict[str, Population] = {}
    for made in population.generators.values():
        parent = getattr(made, "population", None)
        if isinstance(parent, Population):
            found[parent.name] = parent
    return [found[name] for name in sorted(found)]
