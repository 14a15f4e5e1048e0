"""Seed a migrated database from the models: look, plan, ask, load."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dbtool.catalog import SETTINGS
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted, OperationError, UsageError
from dbtool.guard import Action, Classified, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress, Silent
from dbtool.seed import unfinished
from dbtool.seed.allow import allow
from dbtool.seed.build import build
from dbtool.seed.comparable import comparable
from dbtool.seed.found import Found
from dbtool.seed.inparts import InParts
from dbtool.seed.journal import DIRECTORY
from dbtool.seed.load import Loaded, Mode, Outcome, Way, analyze, load
from dbtool.seed.mode import Chosen, choose
from dbtool.seed.numbering import fresh
from dbtool.seed.plan import Planned, Request, SeedPlan
from dbtool.seed.seeded import Done, Seeded, seeded
from dbtool.seed.survey import survey
from dbtool.seed.topup import shortfall
from dbtool.seed.trouble import DONE, NONE_COMMITTED, NOTHING, STAYS
from dbtool.seed.truncate import Doomed, doomed, keep_reference, losses

NAME = "dbtool seed"
_SAMPLE = 300


@dataclass(frozen=True, slots=True)
class Loading:
    """How rows are loaded: in which mode, into tables emptied before, or only tried out.

    With more than one job, or to resume such a run, parts are committed one by one; `state` is
    the directory that remembers which. `wait_lock` is how long the run to resume may take to end.
    """

    mode: Mode | None = None
    truncate: bool = False
    dry_run: bool = False
    jobs: int = 1
    resume: bool = False
    state: Path | None = None
    top_up: bool = False
    wait_lock: float = 10.0

    @property
    def in_parts(self) -> bool:
        """Whether the load is more than one transaction."""
        return not self.dry_run and (self.jobs > 1 or self.resume)

    @property
    def left(self) -> str:
        """What an interrupt leaves behind that comes before the load, or in its transaction."""
        if self.resume:
            return STAYS
        return NONE_COMMITTED if self.in_parts else NOTHING

    def check(self, request: Request) -> None:
        """Raise where one wish excludes another."""
        if self.truncate and self.top_up:
            raise UsageError("--top-up keeps the rows that --truncate deletes")
        if self.in_parts and (self.truncate or self.top_up or self.mode is Mode.BULK):
            other = "--truncate" if self.truncate else "--top-up" if self.top_up else "--bulk"
            raise UsageError(
                f"{other} needs one transaction, and a run in parts has many",
                detail="--jobs and --resume commit part by part, with all constraints in place.",
                hint="Empty the tables with dbtool seed reset first, or leave --jobs out."
                if self.truncate
                else "Leave --jobs out.",
            )
        if self.dry_run and self.resume:
            raise UsageError(
                "--dry-run tries a run out from its beginning, and --resume ends one",
                hint="Leave one of them out.",
            )
        if self.in_parts and request.after:
            raise UsageError(
                f"the hook {request.after[0].name} needs one transaction",
                detail="With --jobs each part is committed by itself.",
                hint="Leave --jobs out.",
            )


def seed(
    target: Target,
    models: Models,
    request: Request | None = None,
    permission: Permission | None = None,
    progress: Progress | None = None,
    loading: Loading | None = None,
) -> Seeded:
    """Fill the tables of the models on `target` with rows; all of them or none.

    A dry run loads a sample in a real transaction and rolls it back.
    """
    wanted, allowed, how = request or Request(), permission or Permission(), loading or Loading()
    shown, outcome = progress or Silent(), Outcome()
    how.check(wanted)
    with interruptible(outcome, how.left), opened(target) as session:
        if how.resume:
            place = how.state or DIRECTORY
            session.run(lambda it: unfinished.wait(it, place, how.wait_lock, shown))
        ready = _prepare(session, models, wanted, how)
        if how.top_up and not ready.planned.loads:
            same = comparable(session, ready.there, wanted, ready.planned)
            return seeded(target, ready.planned, Done(Chosen(), (), (), 0.0, same))
        if not (how.dry_run or how.resume):
            _warn_of_rows(ready.found, shown)
        action, lost = _action(ready, how), losses(ready.lost)
        classified = allow(session, target, action, allowed, shown, lost)
        chosen = _choose(session, ready, how, classified)
        before = ready.first or ready.found
        there = ready.parts.done if ready.parts else ()
        same = how.dry_run or comparable(session, before, wanted, ready.planned, there)
        began = time.perf_counter()
        if how.dry_run:
            tables = _try_out(session, ready, chosen, shown)
        elif ready.parts:
            tables = ready.parts.load(session, target, ready.planned, shown, how.jobs)
            outcome.committed = True
        else:
            way = Way(chosen.mode, ready.lost)
            tables = session.run(lambda it: load(it, ready.planned, shown, outcome, way))
        if not how.dry_run:
            outcome.committed = True
            session.run(lambda connection: analyze(connection, ready.planned, shown))
        done = Done(chosen, ready.lost, tables, time.perf_counter() - began, same)
        return seeded(target, ready.planned, done, dry_run=how.dry_run)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a load begins with: `there` is what was found before any table is emptied.

    `first` is what was found before the request became one for what is missing.
    """

    request: Request
    there: Found
    found: Found
    planned: Planned
    lost: tuple[Doomed, ...] = ()
    parts: InParts | None = None
    first: Found | None = None


def _prepare(session: SyncConnection, models: Models, request: Request, how: Loading) -> _Ready:
    """Look and plan; nothing is written. Where nothing is missing, nothing is planned."""

    def look(wanted: Request, *, anew: bool = False) -> Found:
        return session.run(lambda it: survey(it, models, wanted, anew=anew))

    there, first = look(request), None
    if how.top_up:
        first, short = there, shortfall(session, there, request)
        if short is None:
            return _Ready(request, there, there, Planned(build(there, request).plan))
        request, there = short, look(short)
    lost: tuple[Doomed, ...] = ()
    found = there
    if how.truncate:
        # What is tried out beside rows may choose other values than in empty tables.
        found = look(request, anew=True) if there.first_blocks else there
        lost, found = _emptied(session, found, request)
    if how.state and not (how.dry_run or how.resume):
        emptied, place = {each.name for each in lost}, how.state
        session.run(lambda connection: unfinished.refuse(connection, place, emptied))
    parts = InParts.of(session, how.state, resume=how.resume) if how.in_parts else None
    if parts and how.resume:
        found = parts.resumed(session, found)
        planned = build(found, request)
    else:
        found, planned = fresh(session, found, request)
    refuse_nothing(planned, request)
    planned = replace(planned, after=request.after)
    return _Ready(request, there, found, planned, lost, parts, first)


def _emptied(
    session: SyncConnection, anew: Found, request: Request
) -> tuple[tuple[Doomed, ...], Found]:
    """The rows that go with those of these tables, and what there is once they are gone."""

    async def ask(connection: Connection) -> tuple[Doomed, ...]:
        async with connection.limits():
            return await doomed(connection, [table.name for table in anew.tables])

    lost = session.run(ask)
    keep_reference(lost, {table.name for table in anew.tables}, request.kept)
    names = {name for each in lost for name in (each.name, each.shown)}
    existing = {name: each for name, each in anew.existing.items() if name not in names}
    return lost, replace(anew, existing=existing)


def _try_out(
    session: SyncConnection, ready: _Ready, chosen: Chosen, shown: Progress
) -> tuple[Loaded, ...]:
    """Load a sample and roll it back; tables that a run would empty are left as they are."""
    request = replace(ready.request, sample=_SAMPLE)
    _, sample = fresh(session, ready.there if ready.lost else ready.found, request)
    way = Way(chosen.mode, keep=False)
    return session.run(lambda it: load(it, sample, shown, Outcome(), way))


def plan(target: Target, models: Models, request: Request | None = None) -> SeedPlan:
    """What `seed` would do; nothing is written."""
    return prepared(target, models, request or Request()).plan


def prepared(target: Target, models: Models, request: Request) -> Planned:
    """The plan with the rows behind it; nothing is written."""

    async def look(connection: Connection) -> Found:
        return await survey(connection, models, request, writing=False)

    with opened(target, read_only=True) as session:
        return build(session.run(look), request)


def opened(target: Target, *, read_only: bool = False) -> SyncConnection:
    """A session under the name others see it by."""
    return SyncConnection(target, application_name=NAME, read_only=read_only, settings=SETTINGS)


@contextmanager
def interruptible(outcome: Outcome, left: str) -> Iterator[None]:
    """Tell an interrupt as what it leaves behind; the session has ended the load by then."""
    try:
        yield
    except KeyboardInterrupt:
        if outcome.committed:
            left = DONE
        raise Interrupted("interrupted", detail=left) from None


def _action(ready: _Ready, how: Loading) -> Action:
    if how.dry_run:
        return Action.GENERATE_SAMPLE
    if losses(ready.lost):
        return Action.TRUNCATE
    if how.resume:
        return Action.GENERATE_EMPTY
    return Action.GENERATE if ready.found.first_blocks else Action.GENERATE_EMPTY


def _choose(session: SyncConnection, ready: _Ready, how: Loading, classified: Classified) -> Chosen:
    found, planned = ready.found, ready.planned
    full = [table.shown for table in found.tables if table.name in found.first_blocks]
    tried_out = how.dry_run and how.mode is None and not planned.absent
    # To try out a sample is no reason to shut others out of the tables.
    mode = Mode.ONLINE if how.in_parts or tried_out else how.mode

    async def ask(connection: Connection) -> Chosen:
        async with connection.limits():
            return await choose(connection, planned, mode, full, classified.standing)

    return session.run(ask)


def refuse_nothing(planned: Planned, request: Request) -> None:
    """Raise where no table, or not every table that was named, can be filled."""
    skipped = planned.plan.skipped
    if skipped and (request.tables or not planned.loads):
        named = "\n".join(f"{each.name}: {each.reason}" for each in skipped)
        raise OperationError(
            f"cannot fill {', '.join(each.name for each in skipped)}",
            detail=f"{named}\nNothing was loaded.",
            hint="dbtool seed plan shows every column.",
        )


def _warn_of_rows(found: Found, progress: Progress) -> None:
    full = [table.shown for table in found.tables if table.name in found.first_blocks]
    if full:
        progress.note(f"rows are there already and stay, new ones are added: {', '.join(full)}")
