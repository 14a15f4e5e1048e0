"""The steps that one of env.py's contexts is given for a round trip of its revisions."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.catalog import Catalog
from dbtool.errors import DbtoolError
from dbtool.migrate import rows, stop
from dbtool.migrate.failure import is_refusal, told
from dbtool.migrate.record import Step, Table, driver_connection
from dbtool.migrate.rows import Fill
from dbtool.migrate.statements import answer, execute
from dbtool.migrate.stop import Stop
from dbtool.migrate.trip import Failure, Outcome, Rows, Trip, is_leak
from dbtool.migrate.undoing import read as read_source

_SESSION = """
SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('search_path'), false),
       pg_catalog.set_config('role', pg_catalog.current_setting('role'), false)
"""
"""What env.py set for its one transaction stays for those that follow it."""
_TRANSACTION = "SELECT pg_catalog.pg_current_xact_id()::text"
_ENDED = "SELECT pg_catalog.pg_xact_status('{}'::pg_catalog.xid8)"
_CHECK = "SET CONSTRAINTS ALL IMMEDIATE"


@dataclass(slots=True)
class Trips:
    """The trips so far, over all runs of env.py that they take.

    `wanted` are the revisions to try, `needed` also those they stand on. Where a trip leaves
    the database in a state that nobody knows, `unfinished` asks for another one. With `fill`
    what leads back does so once more with rows. `blames` says whether an upgrade that failed
    is the revision's own fault.
    """

    wanted: frozenset[str]
    needed: frozenset[str]
    found: dict[tuple[str, str], Trip] = field(default_factory=dict)
    unfinished: bool = False
    fill: Fill | None = None
    order: tuple[str, ...] = ()
    tell: Callable[[int, int], None] = lambda _done, _all: None
    stopped: Callable[[], bool] = lambda: False
    blames: Callable[[DbtoolError], bool] = lambda _: True


class ThereAndBack:
    """One context of env.py at work.

    The first upgrade is Alembic's own and is committed. Way back and second way up run in a
    transaction that is rolled back, so that whatever comes of them the next revision begins
    where the first upgrade ended.
    """

    def __init__(self, trips: Trips, table: Table, context: MigrationContext) -> None:
        self.trips = trips
        self.table = table
        self.context = context
        self.driver: DBAPIConnection = driver_connection(context)
        self._named: dict[str, Any] = {}
        self._read: stop.Reader
        self._before: Stop | None = None

    def steps(self, steps: Iterable[RevisionStep]) -> Iterator[RevisionStep]:
        """Alembic's steps, with the trip of each revision behind its upgrade."""
        answer(self.driver, _SESSION)
        self._read = stop.Reader(self.driver)
        self.driver.commit()
        for step, planned in zip(steps, self.table.planned, strict=True):
            script: Script = step.revision
            key = (self.table.shown, script.revision)
            tried = script.revision in self.trips.wanted and key not in self.trips.found
            if tried and self._before is None:
                self._before = self._read()
            yield self._noticed(step, planned)
            self.driver.commit()
            self.table.done.append(planned)
            if not tried:
                self._before = None
                continue
            self._try(script, planned)
            if self.trips.unfinished:
                return

    def _noticed(self, step: RevisionStep, planned: Step) -> RevisionStep:
        """A step that says which revision it is, should it fail."""
        upgrade = step.migration_fn

        def noticed(**named: Any) -> None:
            self._named = named
            try:
                upgrade(**named)
            except BaseException:
                self.table.running = planned
                raise

        step.migration_fn = noticed
        return step

    def _try(self, script: Script, planned: Step) -> None:
        begun, before = time.perf_counter(), self._before
        assert before is not None
        up = self._before = self._read()
        attempt = _Attempt(script, self._named, planned, self.driver, self._read, self.trips)
        trip, is_known = attempt.run(self.context, before, up)
        key = (self.table.shown, script.revision)
        self.trips.found[key] = replace(trip, seconds=time.perf_counter() - begun)
        self.trips.tell(len(self.trips.found), len(self.trips.wanted))
        self.trips.unfinished |= not is_known


class _Attempt:
    """The way back of one revision, and the second way up."""

    def __init__(
        self,
        script: Script,
        named: dict[str, Any],
        planned: Step,
        driver: DBAPIConnection,
        read: stop.Reader,
        trips: Trips,
    ) -> None:
        self.script = script
        self.read = read
        self.fill = trips.fill
        self.stopped = trips.stopped
        self.named = named
        self.driver = driver
        self.trip = Trip(planned.revision, planned.message, planned.file, planned.version_table)

    def run(self, context: MigrationContext, before: Stop, up: Stop) -> tuple[Trip, bool]:
        """What came of it, and whether the database is where it was."""
        with context.begin_transaction(_per_migration=True):
            transaction = str(answer(self.driver, _TRANSACTION)[0])
            trip = self._there_and_back(before, up)
            if trip.failure is None and not self._is_in(transaction):
                self.driver.commit()
                return trip, not trip.again
            if self.fill is not None and trip.outcome in _LEADS_BACK:
                trip = replace(trip, rows=self._with_rows(self.fill, before, up))
            self.driver.rollback()
            ended = answer(self.driver, _ENDED.format(transaction))[0]
            self.driver.rollback()
            return trip, ended == "aborted"

    def _is_in(self, transaction: str) -> bool:
        return str(answer(self.driver, _TRANSACTION)[0]) == transaction

    def _there_and_back(self, before: Stop, up: Stop) -> Trip:
        if failure := self._way("downgrade"):
            return self._failed_down(failure)
        down = self.read()
        trip = replace(self.trip, undone=stop.between(before, down))
        if failure := self._way("upgrade"):
            empty = _is_empty(trip, self.script)
            outcome = Outcome.EMPTY if empty else Outcome.FAILS_AGAIN
            return replace(trip, outcome=outcome, failure=failure)
        trip = replace(trip, again=stop.between(up, self.read()))
        return replace(trip, outcome=_outcome(trip, self.script))

    def _with_rows(self, fill: Fill, before: Stop, up: Stop) -> Rows | None:
        """Both ways again, with rows in the tables that the revision changes."""
        tables = changed_tables(before.catalog, up.catalog)
        if not tables or self._way("downgrade"):
            return None
        filled = rows.put(self.driver, fill(before.catalog, tables))
        kept = [each for each in before.catalog.tables if rows.name_of(each) in tables]
        was = rows.held(self.driver, kept)
        failure = self._way("upgrade") or self._way("downgrade")
        if failure is not None:
            return replace(filled, failure=failure)
        return replace(filled, lost=tuple(rows.lost(was, rows.held(self.driver, kept))))

    def _way(self, name: str) -> Failure | None:
        """Run one of the two functions, with what is checked at the end of a transaction."""
        function = getattr(self.script.module, name, None)
        try:
            if function is None:
                raise NotImplementedError(f"there is no {name}()")
            function(**self.named)
            execute(self.driver, _CHECK)
        except Exception as error:
            if self.stopped():
                raise
            said, evidence, line = told(error, Path(self.trip.file))
            refused = isinstance(error, NotImplementedError)
            refused = refused or is_refusal(error, Path(self.trip.file))
            said = str(error) or said if refused else said
            return Failure("refusal" if refused else name, said, evidence, line)
        return None

    def _failed_down(self, failure: Failure) -> Trip:
        refused = failure.way == "refusal"
        outcome = Outcome.IRREVERSIBLE if refused else Outcome.DOWNGRADE_FAILS
        return replace(self.trip, outcome=outcome, failure=failure)


_LEADS_BACK = (Outcome.REVERSIBLE, Outcome.LEAKS)


def changed_tables(before: Catalog, up: Catalog) -> frozenset[str]:
    """The tables that were there before, and are others or gone after."""
    after = {(each.schema, each.name): each for each in up.tables}
    differ = (each for each in before.tables if after.get((each.schema, each.name)) != each)
    return frozenset(rows.name_of(each) for each in differ)


def _outcome(trip: Trip, script: Script) -> Outcome:
    if _is_empty(trip, script):
        return Outcome.EMPTY
    if trip.undone:
        return Outcome.LEAKS if all(map(is_leak, trip.undone)) else Outcome.DIFFERS
    return Outcome.OTHER_THAN_BEFORE if trip.again else Outcome.REVERSIBLE


def _is_empty(trip: Trip, script: Script) -> bool:
    return bool(trip.undone) and read_source(Path(script.path)).does_nothing
