"""Seed a migrated database from the models: look, plan, ask, load."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date

from dbtool import guard
from dbtool.catalog import SETTINGS
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted, OperationError
from dbtool.guard import Action, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress, Silent
from dbtool.seed.build import Found, build
from dbtool.seed.load import Loaded, Outcome, analyze, load
from dbtool.seed.plan import Planned, Request, SeedPlan, Skipped
from dbtool.seed.survey import survey

_NAME = "dbtool seed"
_SAMPLE = 200


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
    skipped: tuple[Skipped, ...] = ()
    triggers: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    dry_run: bool = False
    would_load: int = 0

    @property
    def rows_per_second(self) -> float:
        """The rate of the whole load."""
        return self.rows / self.seconds if self.seconds else 0.0


def seed(
    target: Target,
    models: Models,
    request: Request | None = None,
    permission: Permission | None = None,
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
) -> Seeded:
    """Fill the tables of the models on `target` with rows; all of them or none.

    A dry run loads a sample in a real transaction and rolls it back.
    """

    wanted, allowed = request or Request(), permission or Permission()
    shown = progress or Silent()
    outcome = Outcome()
    with _interruptible(outcome), _session(target) as session:
        found = session.run(lambda connection: survey(connection, models, wanted))
        planned = build(found, wanted)
        _refuse_nothing(planned, wanted)
        if not dry_run:
            _warn_of_rows(found, shown)
        filling = Action.GENERATE if found.first_blocks else Action.GENERATE_EMPTY
        _permitted(session, target, Action.GENERATE_SAMPLE if dry_run else filling, allowed)
        began = time.perf_counter()
        if dry_run:
            sample = build(found, _sample(wanted))
            done = session.run(lambda connection: load(connection, sample, shown, None))
        else:
            done = session.run(lambda connection: load(connection, planned, shown, outcome))
            session.run(lambda connection: analyze(connection, planned, shown))
        return _seeded(target, planned, done, time.perf_counter() - began, dry_run=dry_run)


def plan(target: Target, models: Models, request: Request | None = None) -> SeedPlan:
    """What `seed` would do; nothing is written."""
    wanted = request or Request()

    async def look(connection: Connection) -> Found:
        return await survey(connection, models, wanted, writing=False)

    with _session(target, read_only=True) as session:
        return build(session.run(look), wanted).plan


def _session(target: Target, *, read_only: bool = False) -> SyncConnection:
    return SyncConnection(target, application_name=_NAME, read_only=read_only, settings=SETTINGS)


@contextmanager
def _interruptible(outcome: Outcome) -> Iterator[None]:
    """Tell an interrupt as what it leaves behind; the session has ended the load by then."""
    try:
        yield
    except KeyboardInterrupt:
        left = "The transaction is rolled back: no row was loaded."
        if outcome.committed:
            left = "The rows are loaded; only their statistics are not up to date."
        raise Interrupted("interrupted", detail=left) from None


def _sample(request: Request) -> Request:
    return replace(request, rows=min(request.base_rows, _SAMPLE), scale=1.0)


def _refuse_nothing(planned: Planned, request: Request) -> None:
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


def _permitted(
    session: SyncConnection, target: Target, action: Action, permission: Permission
) -> None:
    """Return when the guard lets generated rows into this database."""
    marked = permission.environment(target)

    async def classify(connection: Connection) -> guard.Classified:
        async with connection.limits():
            return await guard.classify(connection, target, marked)

    classified = session.run(classify)
    guard.permit(action, classified, target.database, permission.consent, permission.ask)


def _seeded(
    target: Target, planned: Planned, done: tuple[Loaded, ...], seconds: float, *, dry_run: bool
) -> Seeded:
    plan = planned.plan
    return Seeded(
        database=target.shown,
        tables=done,
        rows=sum(each.rows for each in done),
        seconds=seconds,
        random_seed=plan.random_seed,
        generator_version=plan.generator_version,
        as_of=plan.as_of,
        fingerprint=plan.fingerprint,
        skipped=plan.skipped,
        triggers=tuple(f"{table.name}.{name}" for table in plan.tables for name in table.triggers),
        drift=plan.drift,
        dry_run=dry_run,
        would_load=plan.rows if dry_run else 0,
    )
