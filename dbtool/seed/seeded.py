"""What a load did, as it is told."""

from dataclasses import dataclass, field
from datetime import date

from dbtool.database.target import Target
from dbtool.seed.load import Loaded, Mode
from dbtool.seed.mode import Chosen
from dbtool.seed.plan import Planned, Skipped
from dbtool.seed.truncate import Doomed


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
    locale: str = ""
    comparable: bool = field(default=True, metadata={"json": False})
    """Whether `seed verify` with the same options can compare what is there now."""

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
    comparable: bool = True


def seeded(target: Target, planned: Planned, done: Done, *, dry_run: bool = False) -> Seeded:
    """What is told of a load of this plan."""
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
        locale=plan.locale,
        comparable=done.comparable,
    )
