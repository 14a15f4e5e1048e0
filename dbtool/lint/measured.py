"""Run migrations in a throwaway server and see what each statement to be judged really does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.lint.effect import Effect
from dbtool.lint.reconcile import reconcile
from dbtool.lint.schema import Schema
from dbtool.lint.subject import Step
from dbtool.observe import SETTINGS, Observed, Observer
from dbtool.observe.baseline import VERSION_TABLE, Baseline, load, standing
from dbtool.ports import Progress, Silent
from dbtool.report import listed
from dbtool.scratch.server import Server, throwaway
from dbtool.statement import Migration

_DATABASE = "measured"
_BASELINE_HINT = (
    "Give the schema it starts from instead of the history: --baseline schema.sql, as pg_dump -s"
    " writes it, or --baseline URL."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the statements of the judged migrations did, in their order, by database and name.

    `major` is the server's version. `notes` say what was not measured, and why.
    """

    major: int
    migrations: Mapping[tuple[str, str], tuple[Observed, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def statements(self) -> int:
        """How many statements were run to be looked at."""
        return sum(seen.ran for each in self.migrations.values() for seen in each)

    def of(self, migration: Migration) -> tuple[Observed, ...]:
        """What was seen of a migration, one for each of its statements; empty where nothing was."""
        return self.migrations.get((migration.database, migration.name), ())


def measure(
    migrations: Sequence[Migration],
    *,
    major: int | None = None,
    baseline: Baseline | None = None,
    version_table: str = VERSION_TABLE,
    progress: Progress | None = None,
) -> Measured:
    """Run the migrations in order and observe those to be judged, each after its parent.

    With a baseline its schema stands for the migrations that are not judged; where it says at
    which revision it is, those behind that one are run on top. A migration whose SQL is known only
    in part is run as far as it is, and `notes` say so. Raises OperationError where the state a
    judged migration starts from cannot be made.
    """
    said = progress or Silent()
    said.step("Starting a throwaway server")
    with throwaway(major, settings=SETTINGS) as server:
        return measure_on(
            server, migrations, baseline=baseline, version_table=version_table, progress=said
        )


def measure_on(
    server: Server,
    migrations: Sequence[Migration],
    *,
    baseline: Baseline | None = None,
    version_table: str = VERSION_TABLE,
    progress: Progress | None = None,
) -> Measured:
    """The same on a throwaway server that runs already, in databases that are dropped after."""
    said = progress or Silent()
    histories: dict[str, list[Migration]] = {}
    for migration in migrations:
        histories.setdefault(migration.database, []).append(migration)
    if baseline is not None and len(histories) > 1:
        raise UsageError(
            f"{baseline.name} is the schema of one database, and this history has several",
            detail=f"Among them: {listed([name for name in histories if name])}.",
        )
    measured = Measured(server.binaries.major)
    for history in histories.values():
        target = server.create_database(_DATABASE)
        try:
            if baseline is not None:
                said.step(f"Loading {baseline.name}")
                load(target, baseline, version_table)
            earlier = _earlier(history, target, baseline, version_table)
            measured = _one(target, earlier, history, measured, said)
        finally:
            server.drop_database(_DATABASE)
    return measured


def _one(
    target: Target,
    earlier: Sequence[Migration],
    history: Sequence[Migration],
    measured: Measured,
    said: Progress,
) -> Measured:
    """What was measured, with one database's history added."""
    with Observer(target) as observer:
        said.step("Running the history")
        _replay(observer, earlier)
        said.step("Measuring")
        seen, notes = _measured(observer, history)
    return replace(
        measured,
        migrations={**measured.migrations, **seen},
        notes=(*measured.notes, *_gaps(earlier), *notes),
    )


def _earlier(
    migrations: Sequence[Migration], target: Target, baseline: Baseline | None, version_table: str
) -> list[Migration]:
    """The migrations that lead to the first judged one and are not in the baseline."""
    before = [each for each in migrations if not each.judged]
    if baseline is None:
        return before
    names = [each.name for each in before]
    reached = [names.index(each) for each in standing(target, version_table) if each in names]
    return before[max(reached) + 1 :] if reached else []


def _replay(observer: Observer, migrations: Sequence[Migration]) -> None:
    for number, migration in enumerate(migrations):
        failed = observer.replay(migration.up)
        if failed is not None:
            raise _stuck(migration, failed, _gaps(migrations[: number + 1]))


def _gaps(migrations: Sequence[Migration]) -> list[str]:
    """Where SQL is not known. What depends on rows does nothing where there are none."""
    return [
        f"the SQL of {each.name} from line {gap.line} on is not known: {gap.reason}"
        for each in migrations
        for gap in each.gaps[:1]
    ]


def _stuck(migration: Migration, failed: Observed, gaps: list[str]) -> OperationError:
    statement, failure = failed.statement, failed.failure
    assert failure is not None
    file = statement.file or migration.file
    place = f"{file}:{statement.line}: " if file and statement.line else f"{file}: " if file else ""
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    why = failure.message + code + (f"; {failure.detail}" if failure.detail else "")
    return OperationError(
        f"cannot measure: {migration.name} does not run on what comes before it",
        detail="; ".join([place + why, *gaps]),
        hint=_BASELINE_HINT,
    )


def _measured(
    observer: Observer, migrations: Sequence[Migration]
) -> tuple[dict[tuple[str, str], tuple[Observed, ...]], list[str]]:
    observer.mark()
    seen: dict[tuple[str, str], tuple[Observed, ...]] = {}
    notes: list[str] = []
    judged = [each for each in migrations if each.judged]
    for migration in judged:
        notes += _gaps([migration])
        seen[migration.database, migration.name] = observed = observer.observe(migration.up)
        failed = next((each for each in observed if each.failure), None)
        if failed is not None:
            if failed is not observed[-1] or migration is not judged[-1]:
                notes.append(_after(migration, failed))
            break
    return seen, notes


def _after(migration: Migration, failed: Observed) -> str:
    assert failed.failure is not None
    place = f"{failed.statement.file}:{failed.statement.line}" if failed.statement.line else ""
    return (
        f"nothing behind {place or migration.name} was measured, since the statement there"
        f" fails: {failed.failure.message}"
    )


def as_measured(steps: tuple[Step, ...], seen: Observed, schema: Schema) -> tuple[Step, ...]:
    """The steps of a statement with the effects that were measured instead of the expected ones.

    `schema` is the one before the statement. A statement that was not run keeps its steps.
    """
    if not seen.ran or not steps:
        return steps
    effects: tuple[Effect, ...] = reconcile(tuple(step.effect for step in steps), seen, schema)
    return tuple(Step(step.action, effect) for step, effect in zip(steps, effects, strict=True))
