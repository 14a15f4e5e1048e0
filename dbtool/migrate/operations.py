"""Turn a team's revisions into plain migrations: what each would run, found without a database.

The revisions run inside the team's own env.py, in Alembic's offline mode, on a connection that
only takes notes.
"""

import io
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory

from dbtool.migrate.callsite import Stack
from dbtool.migrate.environment import load
from dbtool.migrate.listener import other_kind
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.lookup import all_scripts, resolve
from dbtool.migrate.perform import with_both_ways
from dbtool.migrate.project import Project
from dbtool.migrate.rehearsal import Run, together
from dbtool.migrate.rendering import Rendering, commits_each
from dbtool.migrate.script import read_lazily
from dbtool.migrate.selection import Chosen, Wanted, choose, given
from dbtool.statement import Migration

_WORDS = ("upgrade", "--sql", "heads")


@dataclass(frozen=True, slots=True)
class Operations:
    """What revisions would run, in the order of the history.

    `chosen` says which are judged and why those; `notes` what a reader should know about how
    the statements were found. `own` is false where others may have run what is judged.
    """

    migrations: tuple[Migration, ...]
    chosen: str
    notes: tuple[str, ...] = ()
    own: bool = True


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
    runs: list[Run] = field(default_factory=list)
    chosen: Chosen | None = None

    def read(self) -> Operations:
        linecache.checkcache()  # a revision may have been rewritten since it was read before
        loaded = load(self.project, _WORDS, io.StringIO())
        read_lazily(loaded.script)
        rendering = Rendering(loaded, partial(self._work, loaded.script))
        rendering.run()
        assert self.chosen is not None
        found, chosen = together(self.runs), self.chosen
        return Operations(found, chosen.why, tuple(rendering.notes), chosen.own)

    def _work(
        self, script: ScriptDirectory, environment: EnvironmentContext, context: MigrationContext
    ) -> Iterable[RevisionStep]:
        """The steps of one of env.py's contexts, each as a function that is watched."""
        if context.dialect.name != "postgresql":
            raise other_kind(context.dialect)
        if self.chosen is None:
            self.chosen = choose(script, self.wanted)
        for known in all_scripts(script):
            with_both_ways(known.module)
        steps = _steps(script, self.chosen)
        each = commits_each(
            Path(script.env_py_location),
            configured=context._transaction_per_migration or not context.impl.transactional_ddl,
        )
        run = Run(environment, context, self.stack, each)
        self.runs.append(run)
        return self._follow(run, script, steps)

    def _follow(
        self, run: Run, script: ScriptDirectory, steps: list[RevisionStep]
    ) -> Iterator[RevisionStep]:
        assert self.chosen is not None
        for step in steps:
            shown = self._shown(step.revision)
            yield run.up(step, shown, judged=step.revision.revision in self.chosen.judged)
        if self.wanted.down:
            for step in _steps_back(script, steps):
                yield run.down(step, self._shown(step.revision))

    def _shown(self, script: Script) -> str:
        path = Path(script.path)
        return str(path.relative_to(self.here)) if path.is_relative_to(self.here) else str(path)


def _steps(script: ScriptDirectory, chosen: Chosen) -> list[RevisionStep]:
    """The steps to what is judged, in the order of the history."""
    found: Callable[[], list[RevisionStep]] = lambda: list(script._upgrade_revs("heads", ()))  # type: ignore[arg-type]  # noqa: E731
    return [each for each in resolve(script, found) if each.revision.revision in chosen.needed]


def _steps_back(script: ScriptDirectory, steps: list[RevisionStep]) -> list[RevisionStep]:
    """The same steps down again."""
    below = {parent for each in steps for parent in each.revision._all_down_revisions}
    tops = tuple(name for each in steps if (name := each.revision.revision) not in below)
    found: Callable[[], list[RevisionStep]] = lambda: list(script._downgrade_revs("base", tops))  # type: ignore[arg-type]  # noqa: E731
    return resolve(script, found) if tops else []
