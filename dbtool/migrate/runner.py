"""Run a team's env.py against the one database a command is about, and say what went wrong."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import chdir, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from alembic.runtime.migration import MigrationContext, RevisionStep

from dbtool.database.refusal import full
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.database.waiting import wait_for_server
from dbtool.errors import (
    ConnectError,
    DbtoolError,
    Interrupted,
    LockNotObtained,
    OperationError,
    UsageError,
)
from dbtool.migrate import journal, reach, state
from dbtool.migrate.creators import led_by
from dbtool.migrate.environment import Loaded, Project, load, run
from dbtool.migrate.failure import Scene, cancelled, explain, state_of
from dbtool.migrate.glance import as_array
from dbtool.migrate.holder import PATIENCE
from dbtool.migrate.identity import Watch
from dbtool.migrate.interrupt import Interruption, cancelling
from dbtool.migrate.journal import Journal
from dbtool.migrate.readable import granted
from dbtool.migrate.record import Record, Table
from dbtool.migrate.runlog import RunLog
from dbtool.migrate.safety import Safety
from dbtool.migrate.script import read_when_needed
from dbtool.migrate.servererror import chain
from dbtool.migrate.statements import Statements
from dbtool.migrate.tally import Tally
from dbtool.migrate.versions import as_text
from dbtool.migrate.vigil import Cancelled
from dbtool.ports import Progress
from dbtool.report import duration

Options = Callable[[Loaded], Mapping[str, object]]
Work = Callable[[Loaded, tuple[str, ...], MigrationContext], Iterable[RevisionStep]]

_PATIENCE = 2.0
_AT_ONCE = "SET lock_timeout = '20ms'"
_CANCEL = "SELECT pg_cancel_backend(pid) FROM unnest($1::text::int[]) pid"
_BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1::text::int[]) AND state = 'active'"
)


class Runner:
    """Holds and watches the database for as long as the block lasts.

    Where the user named none, it is the one env.py connects to. `logs` says whether what runs is
    what the user asked for, and not a means to something else.
    """

    logs = True
    _attempts: Sequence[Record] = ()

    def __init__(self, project: Project, progress: Progress, *, reading: bool = False) -> None:
        self.project = project
        self.progress = progress
        if project.target is not None and project.wait_db:
            wait_for_server(project.target, project.wait_db, progress)
        self.watch = Watch(
            project.target,
            progress,
            project.search_path,
            reading=reading,
            direct=project.direct,
        )
        self.watch.wait_db = project.wait_db
        self.watch.sets_aside = self.watch.is_throwaway = project.scratch
        self.interruption = Interruption()
        self.log = RunLog(progress, logs=self.logs)
        self.safety = Safety(self.watch, project.limits, self.log, self._sleep)
        self.watch.migrating = self.safety.look_on
        self.tally = Tally(self.safety, lambda: self.safety.vigil.at_locks)

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

    def run(
        self,
        words: tuple[str, ...],
        work: Work,
        record: Record,
        options: Options,
    ) -> None:
        """Run env.py once; `work` gives Alembic the steps and notes them in the record."""
        loaded = load(self.project, words)
        read_when_needed(loaded.script)

        def guarded(heads: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
            try:
                return work(loaded, heads, context)
            except DbtoolError as error:
                self.watch.refuse(error)

        failure: BaseException | None = None
        meant = self.watch.meant
        heard = Statements(lambda: record.executing, self.tally)
        scratch = led_by(self.watch.lead) if self.project.scratch else nullcontext()
        with cancelling(self._cancel) as self.interruption, heard, as_text(), scratch:
            try:
                run(loaded, guarded, self.watch, **options(loaded))
            except BaseException as error:
                failure = error
        if self.watch.meant != meant and not self.interruption:
            self.run(words, work, record, options)
            return
        if failure is None and record.running is not None:
            failure = record.running.error or _ended_silently()
        if failure is not None:
            told = self._failed(failure, record, loaded)
            raise told from (failure.__cause__ if told is failure else failure)
        if self.interruption:
            raise self._failed(KeyboardInterrupt(), record, loaded)
        if not record.tables:
            self._connection_and_target  # noqa: B018
            raise OperationError(
                "env.py ended without running Alembic",
                detail="It never called context.run_migrations().",
            )

    def _cancel(self) -> None:
        self.connection.execute(_CANCEL, as_array(self.watch.backends))

    def _failed(self, error: BaseException, record: Record, loaded: Loaded) -> BaseException:
        with chdir(self.project.place.base):
            shown = self.target.shown if self.watch.holder else "the database"
            env, began = Path(loaded.script.env_py_location), self._began
            scene = Scene(record, shown, env, began=began)
            self._look_now(scene)
            if self.interruption or isinstance(error, KeyboardInterrupt):
                return self._interrupted(scene)
            if self.safety.vigil.reach.is_lost:
                return _out_of_reach(scene)
            if isinstance(error, Cancelled):
                return self._ended_by_us(cancelled(scene)) or error
            if isinstance(error, DbtoolError):
                return _with_state(error, scene)
            if isinstance(error, Exception | SystemExit):
                told = self._no_slot_left(error) or explain(error, scene)
                granted(told, error, self.watch.holder)
                return self._ended_by_us(told) or told
        return error

    @property
    def _began(self) -> dict[str, tuple[str, ...]]:
        """Where each version table stood that an earlier attempt has worked on."""
        tables = [table for each in self._attempts for table in each.tables if table.done]
        return {each.shown: each.before for each in reversed(tables)}

    def _sleep(self, seconds: float) -> None:
        self.interruption.wait(seconds)

    def _no_slot_left(self, error: BaseException) -> ConnectError | None:
        """Our own connection may be the last one a server had; then env.py gets none."""
        if self.watch.holder is None:
            return None
        refused = (full(str(each), self.target) for each in chain(error))
        return next(filter(None, refused), None)

    def _look_now(self, scene: Scene) -> None:
        """Read what is recorded, and what is noted of a revision that left its transaction."""
        if (table := scene.table) is None:
            return
        scene.now = self._recorded_now(table)
        if scene.now is not None and table.left:
            scene.note = self._noted_now(table)

    def _noted_now(self, table: Table) -> Journal | None:
        place = table.schema or "public", table.name
        with suppress(Exception):
            return journal.read(self.connection, *place)
        with suppress(Exception), SyncConnection(self.target, settings=PATIENCE) as another:
            return journal.read(another, *place)
        return None

    def _recorded_now(self, table: Table, may_wait: bool = True) -> tuple[str, ...] | None:
        """What is recorded; our own connection may be what was lost."""
        with suppress(Exception):
            if not may_wait:
                self.connection.execute(_AT_ONCE)
            return state.read_versions(self.connection, table)
        if not may_wait:
            return None
        with suppress(Exception), SyncConnection(self.target, settings=PATIENCE) as another:
            return state.read_versions(another, table)
        return None

    def _ended_by_us(self, told: DbtoolError) -> DbtoolError | None:
        """The statement that was cancelled is not to blame, but what its transaction did."""
        during, failed, _ = told.message.partition(" failed: ")
        during, limits = during if failed else during.partition(": ")[0], self.project.limits
        if self.safety.vigil.blocks:
            return OperationError(
                f"{during} was ended: others waited behind it for {duration(limits.max_blocking)}",
                detail=f"{self.safety.vigil.blocks}\n{told.detail}".rstrip(),
                hint="Split it into steps that hold no strong lock for long; or, when nobody"
                " minds waiting, allow more: --max-blocking 10min.",
            )
        if not self.safety.vigil.waited_too_long:
            return None
        limit = duration(limits.lock_timeout)
        return LockNotObtained(
            f"{during}{' failed' if failed else ''}: its transaction waited for locks for more than"
            f" {limit} in all",
            detail=told.detail,
            hint="Run it again when the sessions that hold them have ended.",
        )

    def _interrupted(self, scene: Scene) -> Interrupted:
        ended = {
            None: "Whether its statement ended on the server is not known.",
            0: "Nothing of it runs on the server any more.",
        }.get(self._still_busy(), "Its statement still runs on the server.")
        during = f" during revision {scene.step.revision}" if scene.step else ""
        told = state_of(scene) if scene.table else ""
        return Interrupted(f"interrupted{during}", detail=f"{ended}\n{told}".rstrip())

    def _between_attempts(self, record: Record) -> Interrupted:
        """Interrupted in a pause, or while another run was waited for."""
        shown = self.target.shown if self.watch.holder else "the database"
        scene = Scene(record, shown, Path(), began=self._began)
        if scene.table is None:
            return Interrupted("interrupted", detail="Nothing was run.")
        self._look_now(scene)
        told = state_of(scene)
        return Interrupted("interrupted", detail=f"Nothing of it runs on the server.\n{told}")

    def _still_busy(self) -> int | None:
        """How many of env.py's sessions still work, once they had time to notice; None: unknown."""
        until, busy = time.monotonic() + _PATIENCE, None
        with suppress(Exception):
            ours = as_array(self.watch.backends)
            busy = self.connection.fetchval(_BUSY, ours)
            while busy and time.monotonic() < until:
                time.sleep(0.05)
                busy = self.connection.fetchval(_BUSY, ours)
        return busy


def _ended_silently() -> OperationError:
    return OperationError(
        "env.py ended in the middle of a revision, and said nothing of why",
        hint="Let it raise what it catches around context.run_migrations().",
    )


def _out_of_reach(scene: Scene) -> OperationError:
    """The server may still be at work on what was sent to it; a next run waits for that."""
    during = f"During revision {scene.step.revision}. " if scene.step else ""
    return OperationError(
        f"{scene.database} has not answered for {duration(reach.SILENCE)}: the run was ended",
        detail=f"{during}{state_of(scene)} What still runs there for this run ends when the"
        " server notices too, within a minute or so.",
        hint="When it answers again, run the same command again: it waits for what is left of"
        " this run and goes on where it ended.",
    )


def _with_state(error: DbtoolError, scene: Scene) -> DbtoolError:
    """A refusal in the middle of a revision leaves a state too."""
    if scene.table is None:
        return error
    during = f"During revision {scene.step.revision}. " if scene.step else ""
    detail = f"{error.detail}\n{during}{state_of(scene)}"
    return type(error)(error.message, detail=detail.lstrip(), hint=error.hint)
