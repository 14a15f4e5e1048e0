"""The databases of one pytest process: templates that are made once, and copies of them."""

import os
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.seed.seeded import Seeded
    from dbtool.settings.values import Settings

_FLAG = "--dbtool-server"
_ROWS = 20
_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows a test asks for: of a scenario, generated, or both."""

    scenario: str | None = None
    rows: int | None = None
    random_seed: int | None = None
    tables: tuple[str, ...] = ()


class Host(Protocol):
    """A server on which databases of ours come and go."""

    def create_database(self, name: str, template: str | None = None) -> "Target":
        """Create a database, perhaps as a copy."""

    def drop_database(self, name: str) -> None:
        """Drop one of them."""


@dataclass(slots=True)
class Databases:
    """The databases of one pytest process: templates made once, and copies of them."""

    host: Host
    root: Path
    _templates: dict[Rows | None, str] = field(default_factory=dict)
    _shared: "dict[Rows | None, Target]" = field(default_factory=dict)

    @contextmanager
    def copy(self, wanted: Rows | None) -> "Iterator[Target]":
        """A database of a test's own, with the rows wanted."""
        made = self._create(self.template(wanted))
        try:
            yield made
        finally:
            self.host.drop_database(made.database)

    def shared(self, wanted: Rows | None) -> "Target":
        """The database of all tests that take back what they do."""
        if wanted not in self._shared:
            self._shared[wanted] = self._create(self.template(wanted))
        return self._shared[wanted]

    def template(self, wanted: Rows | None = None) -> str:
        """The name of a database nobody connects to; made when it is asked for first."""
        if wanted not in self._templates:
            made = self._create(self.template() if wanted else None)
            try:
                if wanted is None:
                    self._migrate(made)
                else:
                    self.seed(made, wanted)
            except BaseException:
                self.host.drop_database(made.database)
                raise
            self._leave(made)
            self._templates[wanted] = made.database
        return self._templates[wanted]

    def seed(self, target: "Target", wanted: Rows) -> "Seeded":
        """Put rows into a database of ours: those of the files, and generated ones."""
        from dbtool.guard import Consent, Permission
        from dbtool.metadata import load
        from dbtool.ports import Silent
        from dbtool.seed.files import Seeds
        from dbtool.seed.run import seed
        from dbtool.seed.scenes import Given, Scenes

        settings = settings_of(self.root)
        models = load(settings.models, settings.root, settings.alembic_config)
        scenes = Scenes(Seeds(settings.root, settings.seeds), models)
        given = Given(
            rows=wanted.rows,
            random_seed=wanted.random_seed,
            tables=wanted.tables,
            default_rows=_ROWS,
        )
        scenes.request(wanted.scenario, given)
        allowed = Permission(Consent(yes=True, confirm_database=target.database))
        kept = scenes.kept(target, allowed, Silent(), dry_run=False)
        return seed(target, models, scenes.request(wanted.scenario, given, kept), allowed)

    def _create(self, template: str | None) -> "Target":
        from dbtool.scratch.clone import new_name

        return self.host.create_database(new_name(), template)

    def _migrate(self, target: "Target") -> None:
        from dbtool.migrate.logs import own_logging
        from dbtool.migrate.project import open_project
        from dbtool.migrate.replayed import replay
        from dbtool.ports import Silent

        with chdir(self.root), own_logging(), warnings.catch_warnings():
            # What the configuration warns of is shown at the end; it is no test's failure.
            warnings.simplefilter("default")
            named = replace(target, source=_FLAG)
            project = open_project(settings_of(self.root), (), None, (), named)
            replay(project, named, Silent())

    def _leave(self, target: "Target") -> None:
        """End what an engine of env.py left open: nobody may be connected to what is copied."""
        from dbtool.database.sync import SyncConnection

        with SyncConnection(target) as connection:
            connection.execute(_END)


def settings_of(root: Path) -> "Settings":
    """The settings of the project that is tested."""
    from dbtool.settings.values import load

    return load(None, None, None, root)


def named_server(text: str, root: Path) -> "Target":
    """The server the team names, unless its settings call it production."""
    from dbtool.database.url import parse
    from dbtool.guard import environment_of
    from dbtool.settings.environments import resolve

    target = parse(*resolve(text, _FLAG, os.environ))
    if environment_of(settings_of(root), target).production:
        raise UsageError(
            f"{target.named} is production",
            detail="Tests create and drop databases.",
            hint="Leave the server out: the tests then start one of their own.",
        )
    return target
