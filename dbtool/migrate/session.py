"""What a command does with a database through env.py: look, plan, ask, carry out."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cached_property, partial

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool import guard
from dbtool.database.sync import SyncConnection
from dbtool.errors import DbtoolError, OperationError
from dbtool.guard import Action, Permission
from dbtool.migrate import journal, rights, state
from dbtool.migrate.broken import Broken, broken
from dbtool.migrate.command import Command
from dbtool.migrate.environment import Loaded, builds_several_engines
from dbtool.migrate.failure import not_recorded
from dbtool.migrate.halfway import refuse_others
from dbtool.migrate.holder import PATIENCE
from dbtool.migrate.journal import Journal
from dbtool.migrate.listener import Stop
from dbtool.migrate.logs import alembic_reports, quiet_alembic
from dbtool.migrate.lookup import all_scripts, resolve, unknown_in_database
from dbtool.migrate.objections import changed_meanwhile, elsewhere, is_settled
from dbtool.migrate.record import (
    Asked,
    Record,
    Step,
    Table,
    driver_connection,
    follow,
    version_table_in_sql,
)
from dbtool.migrate.runner import Options, Runner
from dbtool.migrate.verify import with_verify
from dbtool.migrate.waits import How

Plan = Callable[["Session", Record], Iterable[str]]
Look = Callable[[ScriptDirectory, tuple[str, ...], MigrationContext], None]


class Session(Runner):
    """The database a command is about, and what the command does with it."""

    verifies = True
    _record = Record()
    _down = False

    def survey(self, command: Command) -> Record:
        """Learn what a command would do; env.py runs, no revision does."""
        with self.safety.once():
            return self._attempt(command, lambda: False, quietly=True)

    def carry_out(
        self, command: Command, action: Action, permission: Permission, plan: Plan
    ) -> Record:
        """Run a command, and check that the database stands where it should.

        env.py runs once, as with Alembic, unless somebody has to be asked: then it runs
        before, without revisions, to learn the plan. So it does where it builds several
        engines, to hear where they lead before anything is changed.
        """
        try:
            record = self._carried_out(command, action, permission, plan)
        except DbtoolError as error:
            self.log.failed(error)
            error.done = self._broken()
            raise
        self.log.finished(len(record.done))
        return record

    def _broken(self) -> Broken | None:
        """What a run has done that ended early."""
        attempts = self._attempts or [self._record]
        now, waited = self._recorded_now, self.safety.waited
        return broken(self.watch.holder, attempts, now, self.tally, waited)

    def _carried_out(
        self, command: Command, action: Action, permission: Permission, plan: Plan
    ) -> Record:
        held_back: list[bool] = []
        looked_at = self.project.scratch or self.project.only is not None
        several = not looked_at and builds_several_engines(self.project)
        rehearsed = command.purge or several

        def may_run() -> bool:
            allowed = not rehearsed and self._is_allowed(action, permission)
            held_back.append(not allowed)
            return allowed

        agreed = self.project.agreed
        record = self._persist(
            lambda: self._attempt(command, may_run, quietly=rehearsed, agreed=agreed)
        )
        if any(held_back):
            looked, agreed = record, record.asked
            self.permit(action, permission, plan(self, looked))
            record = self._persist(lambda: self._attempt(command, lambda: True, agreed=agreed))
            record.purged = looked.before if command.purge else None
        self._verify(record)
        return record

    def _verify(self, record: Record) -> None:
        """Look where the database stands; our own connection may have been lost."""
        try:
            state.verify(self.connection, record, self.target.shown, self.log.tell)
        except OperationError:
            if not self.connection.connection.is_closed():
                raise
            with SyncConnection(self.target, settings=PATIENCE) as another:
                state.verify(another, record, self.target.shown, self.log.tell)

    def _persist(self, attempt: Callable[[], Record]) -> Record:
        """What another session holds up is tried again; what is committed is not repeated."""
        self._attempts = earlier = list[Record]()

        def attempted() -> Record:
            try:
                return attempt()
            finally:
                earlier.append(self._record)

        try:
            record = self.safety.persist(attempted, self._may_repeat)
        except KeyboardInterrupt:
            begun = (each for each in reversed(earlier) if each.running or each.done)
            raise self._between_attempts(next(begun, self._record)) from None
        for each in earlier[-2::-1]:
            record.continues(each)
        return record

    def _may_repeat(self) -> bool:
        """Whether the next attempt knows what this one has committed outside its transactions."""
        if self._record.left_half_done and not self.safety.resumable:
            return False
        return all(map(self._is_noted, self._record.tables))

    def _is_noted(self, table: Table) -> bool:
        """Whether that is recorded, or noted, of each revision that ended."""
        if not table.left:
            return True
        if (now := self._recorded_now(table)) is None:
            return False
        left, _ = not_recorded(table, now)
        note = self._noted_now(table) if left else None
        return not left or (note is not None and note.revision == left)

    def _attempt(
        self,
        command: Command,
        may_run: Callable[[], bool],
        *,
        quietly: bool = False,
        agreed: Asked | None = None,
    ) -> Record:
        """One run of env.py; what may not run is only planned, what was agreed may not change."""
        record = self._record = Record()
        purging = command.purge and not quietly

        def work(
            loaded: Loaded, heads: tuple[str, ...], context: MigrationContext
        ) -> Iterable[RevisionStep]:
            steps = self._steps(command, loaded.script, heads)
            table = record.begin(context, heads, steps)
            self._refuse_other_schema(table)
            if agreed is not None and (more := record.asked - agreed):
                raise changed_meanwhile(self.target.shown, more)
            if steps and command.prelude is not None:
                with self.watch.closed():
                    command.prelude.look(self.connection, table, context, steps)
            if not (steps or command.always) or not may_run():
                self._stays(command, table, context, loaded.script)
                return ()
            if command.prelude is not None:
                command.prelude.tell(self.progress, record)
            driver = driver_connection(context)
            self.safety.take(table, None if command.purge else heads, driver)
            self.safety.records_by(table, version_table_in_sql(context))
            self.safety.hearing = command.hearing
            if not heads and not purging:
                context._ensure_version_table()
            if command.resumes:
                self._down = command.down
                found = self.safety.open_notes(table, self.project.resume)
                self._refuse_half_done(command, found, table, loaded.script)
            for step in steps if self.verifies else ():
                with_verify(step, table, context)
            starting = partial(self._starting, driver=driver)
            return follow(table, context, steps, starting, self.log.done)

        options = {**command.options, "dont_mutate": True, "purge": purging}
        with quiet_alembic() if quietly else nullcontext():
            self.run(command.words, work, record, lambda _: options)
        return record

    def _refuse_other_schema(self, table: Table) -> None:
        """Where tenants share a database, each has its own version table, in its own schema."""
        wanted = self.project.schema
        if wanted is not None and table.schema != wanted:
            raise elsewhere(table.shown, wanted)

    def look(
        self,
        words: tuple[str, ...],
        look: Look,
        options: Options = lambda _: {},
        *,
        any_revision: bool = False,
    ) -> Record:
        """Run env.py and look at what it has configured; nothing is changed.

        With `any_revision` the database may record one that no file has.
        """
        record = Record()

        def work(
            loaded: Loaded, heads: tuple[str, ...], context: MigrationContext
        ) -> Iterable[RevisionStep]:
            if not any_revision:
                self._check_known(loaded.script, heads)
            record.begin(context, heads, ())
            look(loaded.script, heads, context)
            return []

        with quiet_alembic(), self.safety.once():
            self.run(words, work, record, lambda loaded: {"dont_mutate": True, **options(loaded)})
        return record

    @cached_property
    def _classified(self) -> guard.Classified:
        """What the database is: development, production or unknown."""
        target, marked = self.target, self.project.marked(self.target)
        return self.connection.run(lambda opened: guard.classify(opened, target, marked))

    def _is_allowed(self, action: Action, permission: Permission) -> bool:
        """Whether the action may run without asking anybody."""
        if not self._covered(action, permission):
            return False
        self.permit(action, permission, ())
        return True

    def permit(self, action: Action, permission: Permission, plan: Iterable[str]) -> None:
        """Return when the action may run; the plan stands above the question."""
        for line in plan if not self._covered(action, permission) else ():
            self.progress.step(line)
        consent, ask = permission.consent, permission.ask
        guard.permit(action, self._classified, self.target.database, consent, ask)

    def _covered(self, action: Action, permission: Permission) -> bool:
        needed = guard.need(action, self._classified.standing)
        return needed is guard.Need.NOTHING or permission.covers(needed)

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
                raise unknown_in_database(head, self.target.shown)

    def _stays(
        self, command: Command, table: Table, context: MigrationContext, script: ScriptDirectory
    ) -> None:
        """Nothing runs: a plan says what would keep this role from it, a run what was left.

        Where nothing is pending an earlier run may still have left something half done.
        """
        if self.watch.reading and table.planned:
            driver = driver_connection(context)
            if told := rights.note(driver, table, self.target.shown):
                self.progress.note(told)
        reads = self.watch.reading or table.planned or not command.resumes
        if not reads and self.safety.is_alone(table):
            found = journal.read(self.connection, table.schema or "public", table.name)
            self._refuse_half_done(command, found, table, script)

    def _refuse_half_done(
        self, command: Command, found: Journal | None, table: Table, script: ScriptDirectory
    ) -> None:
        """Nothing else may run on a schema that an earlier run has left half done."""
        if found is None or self.project.resume is How.RERUN:
            return
        if found.legible and is_settled(found, table, script):
            self.safety.forget_note(table)
            return
        planned = frozenset(each.revision for each in table.planned)
        refuse_others(found, planned, down=command.down)

    def _starting(self, step: Step, driver: DBAPIConnection) -> None:
        if self.interruption:
            raise Stop
        self.tally.begin(step)
        try:
            self.safety.before_revision(step, driver, down=self._down)
        except DbtoolError as error:
            self.watch.refuse(error)
        self.log.started(step, told=alembic_reports())
