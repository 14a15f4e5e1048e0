"""Turn a team's revisions into plain migrations: what each would run, found without a database.

The revisions run inside the team's own env.py, in Alembic's offline mode, on a connection that
only takes notes.
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory

from dbtool.errors import DbtoolError
from dbtool.migrate.callsite import Stack
from dbtool.migrate.environment import Loaded, load, run
from dbtool.migrate.headers import read_all
from dbtool.migrate.listener import Offline
from dbtool.migrate.location import version_directories
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.lookup import resolve
from dbtool.migrate.perform import perform
from dbtool.migrate.project import Project
from dbtool.migrate.recorder import Recorder, Transactions
from dbtool.migrate.script import take
from dbtool.migrate.selection import Chosen, Wanted, choose, given
from dbtool.migrate.standin import StandIn
from dbtool.statement import Migration, Statement

_WORDS = ("upgrade", "--sql", "heads")


@dataclass(frozen=True, slots=True)
class Operations:
    """What revisions would run, in the order of the history.

    `chosen` says which are judged and why those; `notes` what a reader should know about how
    the statements were found.
    """

    migrations: tuple[Migration, ...]
    chosen: str
    notes: tuple[str, ...] = ()


def operations(project: Project, wanted: Wanted | None = None) -> Operations:
    """The revisions that are wanted, and before them those they stand on."""
    asked = given(wanted or Wanted())
    with redirect_stdout(sys.stderr), quiet_alembic():
        return _Reading(project, asked).read()


@dataclass(slots=True)
class _Reading:
    """One look at a project."""

    project: Project
    wanted: Wanted
    here: Path = field(default_factory=Path.cwd)
    stack: Stack = field(default_factory=Stack)
    runs: list[tuple[Migration, ...]] = field(default_factory=list)
    chosen: Chosen | None = None
    notes: list[str] = field(default_factory=list)

    def read(self) -> Operations:
        loaded = load(self.project, _WORDS, io.StringIO())
        self._spare_headers(loaded.script)
        self._run(loaded)
        assert self.chosen is not None
        return Operations(self.runs[0], self.chosen.why, tuple(self.notes))

    def _spare_headers(self, script: ScriptDirectory) -> None:
        """Let no file be executed but those that are needed, where the headers say enough."""
        place = self.project.place
        directories = version_directories(place)
        if directories is not None:
            headers = read_all(directories, place.flag("recursive_version_locations"))
            if headers:
                take(script, headers)

    def _run(self, loaded: Loaded) -> None:
        listener = Offline()

        def work(_: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
            try:
                self.chosen = choose(loaded.script, self.wanted)
                steps = _steps(loaded.script, self.chosen)
            except DbtoolError as error:
                listener.refuse(error)
            return self._follow(context, loaded.script, steps)

        run(loaded, work, listener, as_sql=True, starting_rev=None, destination_rev="heads")

    def _follow(
        self, context: MigrationContext, script: ScriptDirectory, steps: list[RevisionStep]
    ) -> Iterator[RevisionStep]:
        """Hand Alembic one step after the other, each as a function that is watched."""
        assert self.chosen is not None
        history = _Run(self, context, self.chosen)
        for step in steps:
            yield history.up(step)
        if self.wanted.down:
            for step in resolve(script, lambda: script._downgrade_revs("base", _heads(steps))):  # type: ignore[arg-type]
                yield history.down(step)
        self.runs.append(tuple(history.found.values()))


class _Run:
    """The revisions of one of env.py's contexts."""

    def __init__(self, reading: _Reading, context: MigrationContext, chosen: Chosen) -> None:
        self.found: dict[str, Migration] = {}
        self._reading = reading
        self._chosen = chosen
        self._per_migration = context._transaction_per_migration
        transactions = Transactions(context.dialect.driver)
        self.recorder = Recorder(context.dialect, transactions, reading.stack)
        self._judged = False
        _record_into(self.recorder, context)

    def up(self, step: RevisionStep) -> RevisionStep:
        """A step that notes what the upgrade does."""
        script: Script = step.revision
        judged = script.revision in self._chosen.judged

        def noted(**named: Any) -> None:
            self._begin(judged)
            statements = self._note(script, "upgrade", named)
            self.found[script.revision] = Migration(
                name=script.revision,
                file=self._shown(script),
                text=_text(script.path),
                up=statements,
                gaps=tuple(self.recorder.gaps),
                judged=judged,
            )

        step.migration_fn = noted
        return step

    def down(self, step: RevisionStep) -> RevisionStep:
        """A step that notes what the downgrade does, where somebody wants to know."""
        raise NotImplementedError

    def _begin(self, judged: bool) -> None:
        """What is judged runs in a deploy of its own."""
        if self._per_migration or judged is not self._judged:
            self.recorder.transactions.split()
        self._judged = judged

    def _note(self, script: Script, name: str, named: dict[str, Any]) -> tuple[Statement, ...]:
        with self.recorder.revision(script.revision, script.path, self._shown(script)):
            perform(script, name, named, self.recorder)
        return tuple(self.recorder.statements)

    def _shown(self, script: Script) -> str:
        path = Path(script.path)
        here = self._reading.here
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _record_into(recorder: Recorder, context: MigrationContext) -> None:
    """Have everything that Alembic would render, or run, be noted."""
    impl: Any = context.impl

    def noted(
        construct: object, _: object = None, multiparams: object = None, params: object = None
    ) -> None:
        recorder.record(construct, multiparams or params)

    impl._exec = noted
    impl.static_output = lambda _: None
    impl.connection = StandIn(context.dialect, recorder)
    context.connection = impl.connection
    context.autocommit_block = recorder.transactions.outside  # type: ignore[method-assign]
    context.on_version_apply_callbacks = ()


def _steps(script: ScriptDirectory, chosen: Chosen) -> list[RevisionStep]:
    """The steps to what is judged, in the order of the history."""
    found: Callable[[], list[RevisionStep]] = lambda: list(script._upgrade_revs("heads", ()))  # type: ignore[arg-type]  # noqa: E731
    return [each for each in resolve(script, found) if each.revision.revision in chosen.needed]


def _heads(steps: list[RevisionStep]) -> tuple[str, ...]:
    below = {parent for each in steps for parent in each.revision._all_down_revisions}
    return tuple(each.revision.revision for each in steps if each.revision.revision not in below)


def _text(path: str) -> str:
    return Path(path).read_text("utf-8", "replace")
