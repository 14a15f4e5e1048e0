"""Seed a migrated database from the models: look, plan, ask, load."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dbtool.catalog import SETTINGS
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted, OperationError, UsageError
from dbtool.guard import Action, Classified, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress, Silent
from dbtool.seed.allow import allow
from dbtool.seed.build import Found, build
from dbtool.seed.inparts import InParts
from dbtool.seed.load import Loaded, Mode, Outcome, Way, analyze, load
from dbtool.seed.mode import Chosen, choose
from dbtool.seed.numbering import fresh
from dbtool.seed.plan import Planned, Request, SeedPlan, Skipped
from dbtool.seed.survey import survey
from dbtool.seed.topup import shortfall
from dbtool.seed.trouble import NOTHING
from dbtool.seed.truncate import Doomed, doomed, losses

NAME = "dbtool seed"
_SAMPLE = 300


@dataclass(frozen=True, slots=True)
class Loading:
    """How rows are loaded: in which mode, into tables emptied before, or only tried out.

    With more than one job, or to resume such a run, parts are committed one by one; `state` is
    the directory that remembers which.
    """

    mode: Mode | None = None
    truncate: bool = False
    dry_run: bool = False
    jobs: int = 1
    resume: bool = False
    state: Path | None = None
    top_up: bool = False

    @property
    def in_parts(self) -> bool:
        """Whether the load is more than one transaction."""
        return not self.dry_run and (self.jobs > 1 or self.resume)

    @property
    def left(self) -> str:
        """What an interrupt leaves behind."""
        if self.in_parts:
            return "What had been committed stays. --resume loads the rest."
        return NOTHING

    def check(self) -> None:
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


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was loaded; in a dry run what a sample showed, and how much it stands for."""

    database: str
    tables: tuple[Loaded, ...]
    rows: int
    seconds: float
    random_seed: int
    generator_version: int
    as_of: date
    fingerprint: str
    mode: Mode = Mode.ONLINE
    kept_in_place: tuple[str, ...] = ()
    lost: tuple[Doomed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    triggers: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    dry_run: bool = False
    would_load: int = 0
    would_take_seconds: float = 0.0
    would_take_bytes: int = 0

    @property
    def rows_per_second(self) -> float:
        """The rate of the whole load."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """A load that ended: how it went, what it loaded and how long it took."""

    chosen: Chosen
    lost: tuple[Doomed, ...]
    tables: tuple[Loaded, ...]
    seconds: float


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
    how.check()
    _refuse_hooks(wanted, how)
    with interruptible(outcome, how.left), opened(target) as session:
        found = session.run(lambda connection: survey(connection, models, wanted))
        lost = _doomed(session, found) if how.truncate else ()
        found = _without(found, lost) if how.truncate else found
        if how.top_up:
            short = shortfall(session, found, wanted)
            if short is None:
                return _seeded(
                    target, Planned(build(found, wanted).plan), Done(Chosen(), (), (), 0.0)
                )
            wanted = short
            found = session.run(lambda connection: survey(connection, models, wanted))
        parts = InParts.of(session, how.state, resume=how.resume) if how.in_parts else None
        if parts and how.resume:
            found = parts.resumed(session, found)
            planned = build(found, wanted)
        else:
            found, planned = fresh(session, found, wanted)
        planned = replace(planned, after=wanted.after)
        refuse_nothing(planned, wanted)
        if not (how.dry_run or how.resume):
            _warn_of_rows(found, shown)
        action = _action(found, lost, how)
        classified = allow(session, target, action, allowed, shown, losses(lost))
        chosen = _choose(session, found, planned, how, classified)
        began = time.perf_counter()
        if how.dry_run:
            sample, way = build(found, _sample(wanted)), Way(chosen.mode, keep=False)
            tables = session.run(lambda it: load(it, sample, shown, Outcome(), way))
        elif parts:
            tables = parts.load(session, target, planned, shown, how.jobs)
        else:
            way = Way(chosen.mode, lost)
            tables = session.run(lambda it: load(it, planned, shown, outcome, way))
        if not how.dry_run:
            outcome.committed = True
            session.run(lambda connection: analyze(connection, planned, shown))
        done = Done(chosen, lost, tables, time.perf_counter() - began)
        return _seeded(target, planned, done, dry_run=how.dry_run)


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
            left = "It was done already; only the statistics are not up to date."
        raise Interrupted("interrupted", detail=left) from None


def _doomed(session: SyncConnection, found: Found) -> tuple[Doomed, ...]:
    async def ask(connection: Connection) -> tuple[Doomed, ...]:
        async with connection.limits():
            return await doomed(connection, [table.name for table in found.tables])

    return session.run(ask)


def _without(found: Found, lost: Sequence[Doomed]) -> Found:
    """What there will be once the tables are empty."""
    names = {name for each in lost for name in (each.name, each.shown)}
    existing = {name: each for name, each in found.existing.items() if name not in names}
    return replace(found, first_blocks={}, existing=existing)


def _refuse_hooks(request: Request, how: Loading) -> None:
    if request.after and how.in_parts:
        raise UsageError(
            f"the hook {request.after[0].name} needs one transaction",
            detail="With --jobs each part is committed by itself.",
            hint="Leave --jobs out.",
        )


def _sample(request: Request) -> Request:
    return replace(request, sample=_SAMPLE)


def _action(found: Found, lost: Sequence[Doomed], how: Loading) -> Action:
    if how.dry_run:
        return Action.GENERATE_SAMPLE
    if losses(lost):
        return Action.TRUNCATE
    if how.resume:
        return Action.GENERATE_EMPTY
    return Action.GENERATE if found.first_blocks else Action.GENERATE_EMPTY


def _choose(
    session: SyncConnection, found: Found, planned: Planned, how: Loading, classified: Classified
) -> Chosen:
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


def _seeded(target: Target, planned: Planned, done: Done, *, dry_run: bool = False) -> Seeded:
    plan = planned.plan
    wanted = {each.table.shown: each.population.count for each in planned.loads}
    share = [(each, wanted.get(each.name, 0) / each.rows) for each in done.tables if each.rows]
    return Seeded(
        database=target.shown,
        tables=done.tables,
        rows=sum(each.rows for each in done.tables),
        seconds=done.seconds,
        random_seed=plan.random_seed,
        generator_version=plan.generator_version,
        as_of=plan.as_of,
        fingerprint=plan.fingerprint,
        mode=done.chosen.mode,
        kept_in_place=done.chosen.staying,
        lost=tuple(each for each in done.lost if each.rows),
        skipped=plan.skipped,
        triggers=tuple(f"{table.name}.{name}" for table in plan.tables for name in table.triggers),
        drift=plan.drift,
        dry_run=dry_run,
        would_load=plan.rows if dry_run else 0,
        would_take_seconds=sum(each.seconds * part for each, part in share) if dry_run else 0.0,
        would_take_bytes=int(sum(each.bytes * part for each, part in share)) if dry_run else 0,
    )
