"""Run the revisions of one of env.py's contexts where they can only take notes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script

from dbtool.migrate.batch import adapt_operations
from dbtool.migrate.callsite import Stack
from dbtool.migrate.perform import perform
from dbtool.migrate.recorder import Recorder, Transactions, Unknown
from dbtool.migrate.rendering import NAMES_DRIVER
from dbtool.migrate.standin import StandIn
from dbtool.statement import Migration, Statement


class Run:
    """What the revisions do in one context."""

    def __init__(
        self,
        environment: EnvironmentContext,
        context: MigrationContext,
        stack: Stack,
        commits_each: bool,
    ) -> None:
        self.found: dict[str, Migration] = {}
        self.label = context.version_table_schema or ""
        self._environment = environment
        self._commits_each = commits_each
        self._judged = False
        self._recorder = Recorder(context.dialect, Transactions(context.dialect.driver), stack)
        self._recorder.is_driver_known = bool(context.opts.get(NAMES_DRIVER))
        _note_into(self._recorder, context)

    def up(self, step: RevisionStep, file: str, *, judged: bool) -> RevisionStep:
        """A step that notes what the upgrade does."""
        script: Script = step.revision

        def noted(**named: Any) -> None:
            self._begin(judged)
            self.label = next((str(each) for each in named.values()), self.label)
            statements = self._perform(script, file, "upgrade", named) or ()
            self.found[script.revision] = Migration(
                name=script.revision,
                file=file,
                text=Path(script.path).read_text("utf-8", "replace"),
                up=statements,
                gaps=tuple(self._recorder.gaps),
                judged=judged,
            )

        step.migration_fn = noted
        return step

    def down(self, step: RevisionStep, file: str) -> RevisionStep:
        """A step that notes what the downgrade does, where the revision is judged."""
        script: Script = step.revision

        def noted(**named: Any) -> None:
            before = self.found[script.revision]
            if before.judged:
                self._recorder.transactions.split()
                statements = self._perform(script, file, "downgrade", named)
                below = (replace(each, after=None) for each in self._recorder.gaps)
                gaps = (*before.gaps, *below)
                self.found[script.revision] = replace(before, down=statements, gaps=gaps)

        step.migration_fn = noted
        return step

    def _begin(self, judged: bool) -> None:
        """What is judged runs in a deploy of its own."""
        if self._commits_each or judged is not self._judged:
            self._recorder.transactions.split()
        self._judged = judged

    def _perform(
        self, script: Script, file: str, name: str, named: dict[str, Any]
    ) -> tuple[Statement, ...] | None:
        """What the function does; None where there is none."""
        noting = self._recorder.revision(script.revision, script.path, file)
        adapt_operations(self._recorder)
        with self._as_if_connected(), noting:
            exists = perform(script, name, named, self._recorder)
        return tuple(self._recorder.statements) if exists else None

    @contextmanager
    def _as_if_connected(self) -> Iterator[None]:
        """A revision that asks is told what it would be told in a deploy."""
        options: dict[str, Any] = self._environment.context_opts
        options["as_sql"] = False
        try:
            yield
        finally:
            options["as_sql"] = True


def _note_into(recorder: Recorder, context: MigrationContext) -> None:
    """Have everything that Alembic would render, or run, be noted."""
    impl: Any = context.impl
    impl._exec = recorder.execute
    impl.static_output = lambda _: None
    impl.connection = StandIn(context.dialect, recorder)
    impl.as_sql = context.as_sql = False
    context.connection = impl.connection
    vars(context.dialect)["_ensure_has_table_connection"] = _look_up
    context.autocommit_block = recorder.transactions.outside  # type: ignore[method-assign]
    context.begin_transaction = lambda *_, **__: nullcontext()  # type: ignore[method-assign]
    context.on_version_apply_callbacks = ()


def _look_up(_: object) -> NoReturn:
    raise Unknown("what follows depends on what the database holds")


def together(runs: Sequence[Run]) -> tuple[Migration, ...]:
    """The migrations of all contexts; tenants that run the same statements count once.

    Several databases have several histories, told apart by what each is called.
    """
    different: list[Run] = []
    for run in runs:
        if not any(_same(run, other) for other in different):
            different.append(run)
    if len(different) == 1:
        return tuple(different[0].found.values())
    return tuple(
        replace(each, database=run.label or str(number))
        for number, run in enumerate(different, 1)
        for each in run.found.values()
        if each.up or each.down or each.gaps
    )


def _same(one: Run, other: Run) -> bool:
    return list(one.found.values()) == list(other.found.values())
