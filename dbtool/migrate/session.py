"""Run env.py against one database, proven to be the one that is named."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from dbtool import guard
from dbtool.database import Target
from dbtool.errors import DbtoolError, Interrupted, OperationError, UsageError
from dbtool.guard import Action
from dbtool.migrate import state
from dbtool.migrate.environment import Loaded, Project, load, run
from dbtool.migrate.failure import Scene, explain, state_of
from dbtool.migrate.holder import Holder
from dbtool.migrate.identity import Watch
from dbtool.migrate.interrupt import Interruption, cancelling
from dbtool.migrate.listener import Discovery, Stop
from dbtool.migrate.lookup import all_scripts, resolve, unknown_in_database
from dbtool.migrate.permission import Permission
from dbtool.migrate.record import Record, Step, follow
from dbtool.ports import Progress

Steps = Callable[[ScriptDirectory, tuple[str, ...]], list[RevisionStep]]
Look = Callable[[ScriptDirectory, tuple[str, ...], MigrationContext], None]
Options = Callable[[Loaded], Mapping[str, object]]

_ALEMBIC = "alembic.runtime.migration"
_PATIENCE = 2.0
_CANCEL = "SELECT pg_cancel_backend(pid) FROM unnest($1::int[]) pid"
_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Command:
    """One of Alembic's commands: its words, its steps, and what env.py may ask about it."""

    words: tuple[str, ...]
    steps: Steps
    options: Mapping[str, object] = field(default_factory=dict)


class Session:
    """The named database, held and watched for as long as the block lasts.

    Where the user named none, env.py is asked first, without letting it connect.
    """

    def __init__(self, project: Project, words: tuple[str, ...], progress: Progress) -> None:
        self.target = project.target or discover(project, words)
        self.project = replace(project, target=self.target)
        self.progress = progress
        self.holder = Holder(self.target)
        self.watch = Watch(self.holder, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.holder.connection.close()

    def permit(self, action: Action, permission: Permission, plan: Iterable[str] = ()) -> None:
        """Return when the action may run on this database; the plan is shown before a question."""
        marked = self.project.marked(self.target)
        classified = self.holder.connection.run(
            lambda connection: guard.classify(connection, self.target, marked)
        )
        needed = guard.need(action, classified.standing)
        if needed is not guard.Need.NOTHING and not permission.covers(needed):
            for line in plan:
                self.progress.step(line)
        consent, ask = permission.consent, permission.ask
        guard.permit(action, classified, self.target.database, consent, ask)

    def survey(self, command: Command, *, purge: bool = False) -> Record:
        """Learn what a command would do; env.py runs, no revision does.

        What a purge is about to forget need not be known.
        """
        record = Record()

        def work(loaded: Loaded, heads: tuple[str, ...], context: MigrationContext) -> list[Any]:
            known = () if purge else heads
            record.begin(context, heads, self._steps(command.steps, loaded.script, known))
            return []

        options = {**command.options, "dont_mutate": True, "purge": False}
        with _quiet_alembic():
            self._run(command.words, work, record, lambda _: options)
        return record

    def apply(self, command: Command) -> Record:
        """Run the command, and check that the database stands where it should."""
        record = Record()

        def work(
            loaded: Loaded, heads: tuple[str, ...], context: MigrationContext
        ) -> Iterator[RevisionStep]:
            steps = self._steps(command.steps, loaded.script, heads)
            table = record.begin(context, heads, steps)
            return follow(table, context, steps, self._starting)

        self._run(command.words, work, record, lambda _: command.options)
        state.verify(self.holder.connection, record, self.target.shown)
        return record

    def look(self, words: tuple[str, ...], look: Look, options: Options = lambda _: {}) -> Record:
        """Run env.py and look at what it has configured; nothing is changed."""
        record = Record()

        def work(loaded: Loaded, heads: tuple[str, ...], context: MigrationContext) -> list[Any]:
            self._check_known(loaded.script, heads)
            record.begin(context, heads, ())
            look(loaded.script, heads, context)
            return []

        with _quiet_alembic():
            self._run(words, work, record, lambda loaded: {"dont_mutate": True, **options(loaded)})
        return record

    def _steps(
        self, steps: Steps, script: ScriptDirectory, heads: tuple[str, ...]
    ) -> list[RevisionStep]:
        self._check_known(script, heads)
        return resolve(script, lambda: steps(script, heads))

    def _check_known(self, script: ScriptDirectory, heads: tuple[str, ...]) -> None:
        scripts = resolve(script, lambda: all_scripts(script))
        known = {each.revision for each in scripts}
        for head in heads:
            if head not in known:
                raise unknown_in_database(head, self.target.shown, scripts)

    def _starting(self, step: Step) -> None:
        if self._interruption:
            raise Stop
        if not _alembic_reports():
            self.progress.step(f"{step.revision} {step.message}".rstrip())

    def _run(
        self,
        words: tuple[str, ...],
        work: Callable[..., Iterable[RevisionStep]],
        record: Record,
        options: Options,
    ) -> None:
        loaded = load(self.project, words)

        def guarded(heads: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
            try:
                return work(loaded, heads, context)
            except DbtoolError as error:
                self.watch.refuse(error)

        failure: BaseException | None = None
        with cancelling(self._cancel) as self._interruption:
            try:
                run(loaded, guarded, self.watch, **options(loaded))
            except BaseException as error:
                failure = error
        if failure is not None:
            raise self._failed(failure, record, loaded) from failure
        if self._interruption:
            raise self._failed(KeyboardInterrupt(), record, loaded)
        if not record.tables:
            raise OperationError(
                "env.py ended without running Alembic",
                detail="It never called context.run_migrations().",
            )

    _interruption: Interruption = Interruption()

    def _cancel(self) -> None:
        self.holder.connection.execute(_CANCEL, self.watch.backends)

    def _failed(self, error: BaseException, record: Record, loaded: Loaded) -> BaseException:
        with chdir(self.project.place.base):
            now = None
            table = record.running or next(iter(record.tables), None)
            if table is not None:
                with suppress(Exception):
                    now = state.read_versions(self.holder.connection, table)
            scene = Scene(record, self.target.shown, Path(loaded.script.env_py_location), now)
            if self._interruption or isinstance(error, KeyboardInterrupt):
                return self._interrupted(scene)
            if isinstance(error, DbtoolError):
                return _with_state(error, scene)
            if isinstance(error, Exception | SystemExit):
                return explain(error, scene)
        return error

    def _interrupted(self, scene: Scene) -> Interrupted:
        ended = {
            None: "Whether its statement ended on the server is not known.",
            0: "Nothing of it runs on the server any more.",
        }.get(self._still_busy(), "Its statement still runs on the server.")
        during = f" during revision {scene.step.revision}" if scene.step else ""
        told = state_of(scene) if scene.record.tables else ""
        return Interrupted(f"interrupted{during}", detail=f"{ended}\n{told}".rstrip())

    def _still_busy(self) -> int | None:
        """How many of env.py's sessions still work, once they had time to notice; None: unknown."""
        until, busy = time.monotonic() + _PATIENCE, None
        with suppress(Exception):
            busy = self.holder.connection.fetchval(_BUSY, self.watch.backends)
            while busy and time.monotonic() < until:
                time.sleep(0.05)
                busy = self.holder.connection.fetchval(_BUSY, self.watch.backends)
        return busy


def _with_state(error: DbtoolError, scene: Scene) -> DbtoolError:
    """A refusal in the middle of a revision leaves a state too."""
    if scene.step is None:
        return error
    detail = f"{error.detail}\nDuring revision {scene.step.revision}. {state_of(scene)}"
    return type(error)(error.message, detail=detail.lstrip(), hint=error.hint)


def discover(project: Project, words: tuple[str, ...]) -> Target:
    """Where env.py goes by itself; it is run and ended at its first connection."""
    loaded, listener = load(project, words), Discovery()
    try:
        with _quiet_alembic():
            run(loaded, lambda _heads, _context: (), listener, dont_mutate=True)
    except DbtoolError:
        raise
    except (Exception, SystemExit) as error:
        env = Path(loaded.script.env_py_location)
        if listener.found is None:
            with chdir(project.place.base):
                raise explain(error, Scene(Record(), "", env)) from error
    if listener.found is None:
        raise UsageError(
            "no database is named, and env.py opened no connection",
            hint="Name the database with --url or DATABASE_URL.",
        )
    return listener.found


@contextmanager
def _quiet_alembic() -> Iterator[None]:
    """Keep the log of a run that changes nothing to warnings; env.py may set logging up anew."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _alembic_reports() -> bool:
    """Whether the team's own logging already shows each revision on the terminal."""
    logger: logging.Logger | None = logging.getLogger(_ALEMBIC)
    if logger is None or not logger.isEnabledFor(logging.INFO):
        return False
    while logger is not None:
        if any(type(each) is logging.StreamHandler for each in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
