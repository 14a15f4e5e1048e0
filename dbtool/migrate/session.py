"""Run env.py against one database, proven to be the one that is named."""

import ast
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from dbtool import guard
from dbtool.database import SyncConnection, Target
from dbtool.errors import DbtoolError, Interrupted, OperationError, UsageError
from dbtool.guard import Action, Permission
from dbtool.migrate import state
from dbtool.migrate.environment import Loaded, Project, load, run
from dbtool.migrate.failure import Scene, explain, state_of
from dbtool.migrate.identity import Watch
from dbtool.migrate.interrupt import Interruption, cancelling
from dbtool.migrate.listener import Stop
from dbtool.migrate.location import script_directory
from dbtool.migrate.lookup import all_scripts, resolve, unknown_in_database
from dbtool.migrate.record import Record, Step, follow
from dbtool.ports import Progress

Plan = Callable[["Session", Record], Iterable[str]]
Steps = Callable[[ScriptDirectory, tuple[str, ...]], list[RevisionStep]]
Look = Callable[[ScriptDirectory, tuple[str, ...], MigrationContext], None]
Options = Callable[[Loaded], Mapping[str, object]]

_BUILDERS = frozenset(
    {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
)
_ALEMBIC = "alembic.runtime.migration"
_PATIENCE = 2.0
_CANCEL = "SELECT pg_cancel_backend(pid) FROM unnest($1::int[]) pid"
_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Command:
    """One of Alembic's commands: its words, its steps, and what env.py may ask about it.

    `always` runs it even where it has no steps; `purge` forgets what is recorded first.
    """

    words: tuple[str, ...]
    steps: Steps
    options: Mapping[str, object] = field(default_factory=dict)
    always: bool = False
    purge: bool = False


class Session:
    """The database a command is about, held and watched for as long as the block lasts.

    Where the user named none, it is the one env.py connects to.
    """

    def __init__(self, project: Project, progress: Progress) -> None:
        self.project = project
        self.progress = progress
        self.watch = Watch(project.target, progress)
        self._interruption = Interruption()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.watch.close()

    @property
    def target(self) -> Target:
        """The database, once it is known."""
        return self._connection_and_target[1]

    @property
    def connection(self) -> SyncConnection:
        """Our own connection to it."""
        return self._connection_and_target[0]

    @property
    def _connection_and_target(self) -> tuple[SyncConnection, Target]:
        holder = self.watch.holder
        if holder is None:
            raise UsageError(
                "no database is named, and env.py opened no connection",
                hint="Name the database with --url or DATABASE_URL.",
            )
        return holder.connection, holder.target

    def survey(self, command: Command) -> Record:
        """Learn what a command would do; env.py runs, no revision does."""
        return self._attempt(command, lambda: False, quietly=True)

    def carry_out(
        self, command: Command, action: Action, permission: Permission, plan: Plan
    ) -> Record:
        """Run a command, and check that the database stands where it should.

        env.py runs once, as with Alembic, unless somebody has to be asked: then it runs
        before, without revisions, to learn the plan. So it does where it builds several
        engines, to hear where they lead before anything is changed.
        """
        held_back: list[bool] = []
        rehearsed = command.purge or self._builds_several_engines()

        def may_run() -> bool:
            allowed = not rehearsed and self._is_allowed(action, permission)
            held_back.append(not allowed)
            return allowed

        record = self._attempt(command, may_run, quietly=rehearsed)
        if any(held_back):
            before = record.before
            self._permit(action, permission, plan(self, record))
            record = self._attempt(command, lambda: True)
            record.purged = before if command.purge else None
        state.verify(self.connection, record, self.target.shown)
        return record

    def _attempt(
        self, command: Command, may_run: Callable[[], bool], *, quietly: bool = False
    ) -> Record:
        """One run of env.py; what may not run is only planned."""
        record = Record()
        purging = command.purge and not quietly

        def work(
            loaded: Loaded, heads: tuple[str, ...], context: MigrationContext
        ) -> Iterable[RevisionStep]:
            steps = self._steps(command, loaded.script, heads)
            table = record.begin(context, heads, steps)
            if not (steps or command.always) or not may_run():
                return ()
            if not heads and not purging:
                context._ensure_version_table()
            return follow(table, context, steps, self._starting)

        options = {**command.options, "dont_mutate": True, "purge": purging}
        with _quiet_alembic() if quietly else nullcontext():
            self._run(command.words, work, record, lambda _: options)
        return record

    def _builds_several_engines(self) -> bool:
        directory = script_directory(self.project.place)
        if directory is None:
            return False
        try:
            tree = ast.parse((directory / "env.py").read_bytes())
        except (OSError, SyntaxError, ValueError):
            return False
        return _engines(tree, in_loop=False) > 1

    @cached_property
    def _classified(self) -> guard.Classified:
        """What the database is: development, production or unknown."""
        target, marked = self.target, self.project.marked(self.target)
        return self.connection.run(lambda opened: guard.classify(opened, target, marked))

    def _is_allowed(self, action: Action, permission: Permission) -> bool:
        """Whether the action may run without asking anybody."""
        if not self._covered(action, permission):
            return False
        self._permit(action, permission, ())
        return True

    def _permit(self, action: Action, permission: Permission, plan: Iterable[str]) -> None:
        """Return when the action may run; the plan stands above the question."""
        for line in plan if not self._covered(action, permission) else ():
            self.progress.step(line)
        consent, ask = permission.consent, permission.ask
        guard.permit(action, self._classified, self.target.database, consent, ask)

    def _covered(self, action: Action, permission: Permission) -> bool:
        needed = guard.need(action, self._classified.standing)
        return needed is guard.Need.NOTHING or permission.covers(needed)

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
        self, command: Command, script: ScriptDirectory, heads: tuple[str, ...]
    ) -> list[RevisionStep]:
        """What a purge is about to forget need not be known."""
        if not command.purge:
            self._check_known(script, heads)
        return resolve(script, lambda: command.steps(script, () if command.purge else heads))

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
            self._connection_and_target  # noqa: B018
            raise OperationError(
                "env.py ended without running Alembic",
                detail="It never called context.run_migrations().",
            )

    def _cancel(self) -> None:
        self.connection.execute(_CANCEL, self.watch.backends)

    def _failed(self, error: BaseException, record: Record, loaded: Loaded) -> BaseException:
        with chdir(self.project.place.base):
            now = None
            table = record.running or next(iter(record.tables), None)
            if table is not None:
                with suppress(Exception):
                    now = state.read_versions(self.connection, table)
            shown = self.target.shown if self.watch.holder else "the database"
            scene = Scene(record, shown, Path(loaded.script.env_py_location), now)
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
            busy = self.connection.fetchval(_BUSY, self.watch.backends)
            while busy and time.monotonic() < until:
                time.sleep(0.05)
                busy = self.connection.fetchval(_BUSY, self.watch.backends)
        return busy


def _engines(node: ast.AST, *, in_loop: bool) -> int:
    """How many engines a source builds; in a loop it is more than one."""
    in_loop = in_loop or isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.comprehension)
    in_loop = in_loop or isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp)
    here = 0
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        here = (2 if in_loop else 1) if name in _BUILDERS else 0
    return here + sum(_engines(each, in_loop=in_loop) for each in ast.iter_child_nodes(node))


def _with_state(error: DbtoolError, scene: Scene) -> DbtoolError:
    """A refusal in the middle of a revision leaves a state too."""
    if scene.step is None:
        return error
    detail = f"{error.detail}\nDuring revision {scene.step.revision}. {state_of(scene)}"
    return type(error)(error.message, detail=detail.lstrip(), hint=error.hint)


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
