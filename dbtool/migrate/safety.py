"""What keeps a run from colliding with another one, and traffic from queueing behind it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.errors import DbtoolError, LockNotObtained
from dbtool.migrate import lock, reach, rights, state
from dbtool.migrate.command import Hearing
from dbtool.migrate.identity import Watch
from dbtool.migrate.introduction import introduce, naming
from dbtool.migrate.journal import Journal
from dbtool.migrate.lock import AnotherRun, RunLock
from dbtool.migrate.record import Record, Recording, Step, Table
from dbtool.migrate.resume import Resume
from dbtool.migrate.runlog import RunLog
from dbtool.migrate.servererror import sqlstate_of
from dbtool.migrate.statements import LOCK_NOT_AVAILABLE, Execute, Wrapped, answer
from dbtool.migrate.vigil import Vigil
from dbtool.migrate.waits import How, Limits, Patience, Waited
from dbtool.report import duration

_SETTINGS = re.compile(r"(?:^|;)\s*(?:SET|RESET|DISCARD)\b|\bset_config\b", re.IGNORECASE)


T = TypeVar("T")

_ENDING = 0.25
"""Seconds in which the sessions of a run end whose client has gone, on a server that has time."""


class StalePlan(LockNotObtained):
    """Another run changed what is recorded between the plan and the lock."""


class Safety:
    """The lock, the limits and the waits of one run, over all its attempts."""

    def __init__(
        self,
        watch: Watch,
        limits: Limits,
        log: RunLog,
        sleep: Callable[[float], None],
    ) -> None:
        self.waited = Waited()
        self._sleep = sleep
        self._watch = watch
        self._limits = limits
        self._log = log
        self._patience = Patience(limits.wait_lock)
        self.vigil = Vigil(limits, lambda: watch.backends, log.tell)
        self._lock: RunLock | None = None
        self._resumes: dict[str, Resume] = {}
        self._resume: Resume | None = None
        self._table = ""
        self._ours = "0"
        self._recorded: dict[str, Recording] = {}
        self._recording: Recording | None = None
        self._is_proven = self._may_change_settings = False
        self.hearing: Hearing | None = None
        self._step: Step | None = None

    @property
    def resumable(self) -> bool:
        """Whether what the running revision has committed is noted, for the next attempt."""
        return self._resume is not None and self._resume.is_noted

    def persist(self, attempt: Callable[[], Record], may_repeat: Callable[[], bool]) -> Record:
        """Attempt it until it is done; raises LockNotObtained when the time is over.

        Between two attempts nothing is held but the lock against other runs.
        """
        while True:
            self.vigil.begin()
            self._is_proven = False
            try:
                return attempt()
            except StalePlan:
                pass
            except AnotherRun:
                self._wait_for_other_run()
            except LockNotObtained as error:
                self.vigil.note(self.waited)
                if not may_repeat():
                    raise self.vigil.once_only(error) from error
                if self._patience.is_over():
                    raise self.vigil.gave_up(error, self.waited.attempts) from error
                self._patience.pause(self._tell_pause)
            finally:
                self.vigil.note_followers(self.waited)
            self.waited.attempts += 1

    @contextmanager
    def once(self) -> Iterator[None]:
        """What is only looked at is tried once; whoever stands in the way is named."""
        try:
            yield
        except LockNotObtained as error:
            raise self.vigil.gave_up(error, self.waited.attempts) from error

    def look_on(self) -> None:
        """From now on waits are watched, and limited."""
        self._run_lock()

    def take(
        self, table: Table, heads: tuple[str, ...] | None, connection: DBAPIConnection
    ) -> None:
        """Keep other runs away; raises AnotherRun, or StalePlan where one has just ended.

        `heads` is what the plan was made from, None where it was made from nothing.
        """
        held, self._table = self._run_lock(), table.shown
        if not held.holds(table.shown):
            if held.take(table.shown, self._watch.backends):
                raise AnotherRun("another run is at work on this database")
            recorded = None if heads is None else _recorded(self._watch, table)
            if recorded not in (None, tuple(sorted(heads or ()))):
                raise StalePlan("another run has just ended")
        backend, in_the_way = introduce(connection, table)
        self.vigil.reach.works_on(connection, backend)
        assert self._watch.holder is not None
        if refused := rights.refusal(in_the_way, table, self._watch.holder.target.shown):
            raise refused

    def records_by(self, table: Table, name: str) -> None:
        """How Alembic names the version table in the statements that record a revision."""
        self._recorded[table.shown] = Recording(table, name)

    def open_notes(self, table: Table, how: How) -> Journal | None:
        """Read what an earlier run has left half done."""
        holder = self._watch.holder
        assert holder is not None
        earlier = self._resumes.get(table.shown)
        resume = Resume(holder.connection, table, how, self._log.tell, earlier)
        self._resumes[table.shown] = resume
        return resume.found

    def forget_note(self, table: Table) -> None:
        """What an earlier run left half done is settled."""
        if resume := self._resumes.get(table.shown):
            resume.forget()

    def is_alone(self, table: Table) -> bool:
        """Whether no other run is at work on a version table."""
        holder = self._watch.holder
        assert holder is not None
        ours = [holder.backend, *self._watch.backends]
        return not lock.others(holder.connection, table.shown, ours)

    def before_revision(self, step: Step, connection: DBAPIConnection, *, down: bool) -> None:
        """The lock must still be ours, and locks must not be waited for too long.

        Both are one question to the connection that Alembic works on, unless recording the
        revision before has just answered it. A lock_timeout of the team's own stays.
        """
        if not self._is_proven:
            self._prove(connection, step)
        self._is_proven, self._step = False, step
        self._recording = self._recorded.get(step.version_table)
        self._resume = self._resumes.get(step.version_table)
        if self._resume is not None:
            self._resume.begin(step.revision, down=down)

    def _prove(self, connection: DBAPIConnection, step: Step) -> None:
        milliseconds = round(self._limits.lock_timeout * 1000)
        ours, held, _ = answer(
            connection,
            "SELECT CASE WHEN pg_catalog.current_setting('lock_timeout') IN"
            f" ('0', '{self._ours}') THEN"
            f" pg_catalog.set_config('lock_timeout', '{milliseconds}ms', false) END,"
            f" {self._run_lock().question()}, {naming(step)}",
        )
        self._ours = ours or self._ours
        if not held:
            raise lock.lost("Our session on the server ended.")

    def leaving(self, connection: DBAPIConnection) -> bool:
        """The revision leaves its transaction, which commits what it has done so far."""
        if connection is not self.vigil.reach.driver:
            return False
        if self._resume is not None:
            self._resume.leaving(connection)
        if self.hearing is not None:
            self.hearing.committing(connection)
        return True

    def inside(self, statement: str, connection: DBAPIConnection) -> Wrapped | None:
        """A statement in a transaction; None where an earlier run has committed it.

        A revision is recorded only while the lock is held.
        """
        self._or_end(self.vigil.refuse_to_go_on)
        resume = self._resume
        if self._recording is not None and (way := self._recording.way(statement)):
            question = self._while_recording() if way != "INSERT" else ""
            recorded = partial(self._has_recorded, way, connection)
            return Wrapped(statement + question, recorded)
        if resume is not None:
            if self._or_end(lambda: resume.is_done(statement, connection)):
                return None
            resume.inside(statement)
        hearing, step = self.hearing, self._step
        if hearing is not None and step is not None:
            self._or_end(lambda: hearing.before(step, statement, connection))
        self._may_change_settings |= _SETTINGS.search(statement) is not None
        return Wrapped(statement)

    def _while_recording(self) -> str:
        """Ask for the lock, and give the session its name for the revision that comes next."""
        assert self._recording is not None
        question = f" AND {self._run_lock().question()}"
        following = self._recording.table.following
        return question if following is None else f"{question} AND {naming(following)} <> ''"

    def _has_recorded(self, way: str, connection: DBAPIConnection, rows: int) -> None:
        """A revision is recorded, or was not, because another run may have begun."""
        if way != "INSERT" and rows != 1:
            self._or_end(self._run_lock().verify)
        self._is_proven = way != "INSERT" and rows == 1 and not self._may_change_settings
        self._may_change_settings = False
        self._end_of_revision(connection, inside=True)
        if self.hearing is not None:
            self.hearing.committing(connection)

    def _end_of_revision(self, connection: DBAPIConnection, *, inside: bool) -> None:
        if self._recording is not None:
            self._recording.table.is_recorded = True
        if self._resume is not None:
            self._resume.recorded(connection, inside=inside)

    def alone(
        self,
        statement: str,
        execute: Execute,
        connection: DBAPIConnection,
        *,
        concurrently: bool,
    ) -> None:
        """Run a statement that commits by itself; one that got no lock is tried again."""
        resume = self._resume
        if resume is not None and self._or_end(lambda: resume.is_done(statement, connection)):
            return
        while True:
            self._or_end(self._run_lock().verify)
            self.vigil.begin(exempt=concurrently)
            sql = statement
            if resume is not None:
                sql = self._or_end(lambda: resume.beginning(statement, connection))
            try:
                execute(sql)
            except Exception as error:
                if not self._may_repeat(error):
                    if resume is not None and sqlstate_of(error) is not None:
                        resume.failed(statement, connection)
                    raise
                self.vigil.note(self.waited)
                self.waited.attempts += 1
                self._or_end(lambda: self._patience.pause(self._tell_pause, self._sleep))
            else:
                break
            finally:
                self.vigil.bind()
        if resume is not None:
            resume.ended(statement, connection)
        if self._recording is not None and self._recording.way(statement):
            self._end_of_revision(connection, inside=False)

    def _may_repeat(self, error: BaseException) -> bool:
        """Whether a statement alone may be tried again where it stands.

        After a deadlock it may not: whatever env.py itself holds would stay locked.
        """
        waited = sqlstate_of(error) == LOCK_NOT_AVAILABLE or self.vigil.waited_too_long
        return waited and not self.vigil.held_up_others and not self._patience.is_over()

    def _or_end(self, check: Callable[[], T]) -> T:
        """A refusal ends env.py, whatever that makes of exceptions."""
        try:
            return check()
        except DbtoolError as error:
            self._watch.refuse(error)

    def _run_lock(self) -> RunLock:
        """The lock of the run; from its first use on, its waits are watched too."""
        if self._lock is None:
            holder = self._watch.holder
            assert holder is not None
            self._lock = RunLock(holder.connection, holder.backend, holder.key)
            holder.connection.repeat(self.vigil.look)
            holder.connection.give_up_after(reach.SILENCE, self.vigil.reach.lost)
        return self._lock

    def _wait_for_other_run(self) -> None:
        begun, told = time.monotonic(), False
        ending = Patience(_ENDING)
        while standing := self._run_lock().take(self._table, self._watch.backends):
            self.waited.for_run = time.monotonic() - begun
            patience = ending if self._patience.is_over() else self._patience
            if patience.is_over():
                raise lock.refusal(self._table, standing, self.waited.for_run)
            if not told and patience is not ending:
                told = True
                first = standing[0]
                words = f"waiting for another run: {first.shown}"
                self._log.tell(words, "waiting-for-lock", pid=first.pid, holder=first.shown)
            patience.poll()
        self.waited.for_run = time.monotonic() - begun
        if told:
            self._log.obtained(self.waited.for_run)

    def _tell_pause(self, seconds: float) -> None:
        limit, waiting = duration(self._limits.lock_timeout), self.vigil.untold()
        why = f"the migration {waiting.shown}; " if waiting is not None else ""
        words = f"{why}no lock within {limit}: rolled back, next attempt in {duration(seconds)}"
        fields = self.vigil.waiting.fields if self.vigil.waiting is not None else {}
        self._log.tell(words, "retry", pause=seconds, **fields)


def _recorded(watch: Watch, table: Table) -> tuple[str, ...] | None:
    """What is recorded now; None where it cannot be read from outside."""
    assert watch.holder is not None
    with suppress(Exception):
        return state.read_versions(watch.holder.connection, table)
    return None
