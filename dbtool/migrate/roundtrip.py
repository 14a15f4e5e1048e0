"""Upgrade, downgrade and upgrade revisions in scratch, and compare the schema at each stop."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from alembic.runtime.migration import MigrationContext, RevisionStep

from dbtool.errors import DbtoolError, Interrupted
from dbtool.migrate.environment import Loaded
from dbtool.migrate.failure import told as told_of
from dbtool.migrate.from_scratch import without_the_server
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.record import Record
from dbtool.migrate.rows import Fill
from dbtool.migrate.runner import Runner
from dbtool.migrate.script import read_history
from dbtool.migrate.selection import Chosen, Wanted, choose, given
from dbtool.migrate.there_and_back import ThereAndBack, Trips
from dbtool.migrate.trip import Failure, Outcome, Trip
from dbtool.ports import Progress, Silent
from dbtool.scratch.server import Server, throwaway

_NAME = "roundtrip"
_SETTINGS = {"jit": "off", "max_locks_per_transaction": "512"}


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The trips of the revisions that were tried, in the order of the history.

    `chosen` says why those; `untried` are revisions behind one whose upgrade fails.
    """

    revisions: tuple[Trip, ...]
    chosen: str
    major: int
    untried: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether every revision was tried and led back."""
        return not self.untried and all(each.is_proven for each in self.revisions)


def round_trip(
    project: Project,
    wanted: Wanted | None = None,
    progress: Progress | None = None,
    *,
    server: Server | None = None,
    fill: Fill | None = None,
    blames: Callable[[DbtoolError], bool] = lambda _: True,
) -> RoundTrip:
    """Try the revisions that are wanted: named, or those the main branch lacks, or the last.

    `fill` makes rows for the tables that a revision changes. Where a throwaway server runs
    already, it serves. An upgrade that failed by what `blames` does not hold against it is
    unknown. Raises DbtoolError where the history before them does not build.
    """
    told = progress or Silent()
    chosen = _chosen(project, wanted or Wanted())
    trips = Trips(chosen.judged, chosen.needed, fill=fill, tell=_Advance(told), blames=blames)
    if not chosen.judged:
        return RoundTrip((), chosen.why, 0)
    if server is None:
        told.step("running the revisions in a throwaway PostgreSQL")
    with server.watched() if server else throwaway(settings=_SETTINGS) as server:
        failed = _run(project, trips, told, server)
        major = server.binaries.major
    found = tuple(trips.found.values())
    tried = {each.revision for each in found}
    left = chosen.judged - tried if failed else frozenset()
    untried = tuple(each for each in trips.order if each in left)
    return RoundTrip(found, chosen.why, major, untried)


def _chosen(project: Project, wanted: Wanted) -> Chosen:
    """The revisions to try, by default the last one where none is known to be new."""
    script = read_history(project)
    chosen = choose(script, given(wanted))
    if wanted.revisions or (chosen.own and chosen.judged):
        return chosen
    last = choose(script, Wanted(("-1",)))
    because = chosen.why.removeprefix("all revisions ").strip("()")
    return replace(last, why=f"the last revision ({because})") if last.judged else last


@dataclass(frozen=True, slots=True)
class _Advance:
    """Says how many trips are done."""

    progress: Progress

    def __call__(self, done: int, total: int) -> None:
        self.progress.advance(done, total, "revisions")


def _run(project: Project, trips: Trips, progress: Progress, server: Server) -> bool:
    """Run env.py until every revision was tried; whether the upgrade of one failed."""
    for number in count(1):
        name = f"{_NAME}{number}"
        server.drop_database(name)
        target = replace(server.create_database(name), source="--roundtrip")
        scratch = replace(project, target=target, scratch=True)
        trips.unfinished = False
        try:
            with quiet_alembic(), _Trips(scratch, progress) as run:
                run.go(trips)
        except DbtoolError as error:
            without_the_server(error, name)
            raise
        finally:
            server.drop_database(name)
        if run.failed is not None or not trips.unfinished:
            return run.failed is not None
    raise AssertionError


class _Trips(Runner):
    """One run of env.py in an empty database."""

    failed: Trip | None = None

    def go(self, trips: Trips) -> None:
        """Try what was not tried yet, as far as this run comes."""
        record = Record()
        trips.stopped = lambda: bool(self.interruption)

        def work(
            loaded: Loaded, heads: tuple[str, ...], context: MigrationContext
        ) -> Iterable[RevisionStep]:
            script = loaded.script
            found = resolve(script, lambda: script._upgrade_revs("heads", heads))  # type: ignore[arg-type]
            steps = [each for each in found if each.revision.revision in trips.needed]
            trips.order = tuple(each.revision.revision for each in steps)
            table = record.begin(context, heads, steps)
            context._ensure_version_table()
            return ThereAndBack(trips, table, context).steps(steps)

        try:
            self.run(("upgrade", "heads"), work, record, lambda _: {"dont_mutate": True})
        except Interrupted:
            raise
        except DbtoolError as error:
            self.failed = _failed(error, record, trips)
            if self.failed is None:
                raise
            trips.found[self.failed.version_table, self.failed.revision] = self.failed


def _failed(error: DbtoolError, record: Record, trips: Trips) -> Trip | None:
    """The revision to be tried whose first upgrade failed, if it was one of them."""
    running = record.running.running if record.running else None
    if running is None or running.revision not in trips.wanted:
        return None
    said, evidence, line = told_of(error.__cause__ or error, Path(running.file))
    return Trip(
        running.revision,
        running.message,
        running.file,
        running.version_table,
        outcome=Outcome.UPGRADE_FAILS if trips.blames(error) else Outcome.UNKNOWN,
        failure=Failure("upgrade", said, evidence, line),
    )
