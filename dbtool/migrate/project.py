"""A team's migrations: their configuration, what env.py is told, and the database named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbtool.database.target import Target
from dbtool.guard import environment_of, unmarked
from dbtool.migrate.location import Place, find
from dbtool.migrate.waits import How, Limits

if TYPE_CHECKING:
    from dbtool.migrate.record import Asked
    from dbtool.settings.environments import Environment
    from dbtool.settings.values import Settings


@dataclass(frozen=True, slots=True)
class Project:
    """One Alembic environment and how it is run; `target` is None where env.py decides.

    `schema` is the tenant's, where tenants share a database: the version table must prove to
    be there. `search_path` is given to env.py's connections. `drafts` are directories of
    revisions that are read as if they lay among the others. `only` is one of the databases that
    an env.py of several shall go through (see `several`), and `agreed` what somebody has agreed
    to for it: no more than that may run, and a downgrade lose no more than `losing`. `scratch`
    says that the target is a throwaway database.
    """

    place: Place
    x: tuple[str, ...] = ()
    target: Target | None = None
    models: tuple[str, ...] = ()
    root: Path = Path()
    wait_db: float = 0.0
    direct: bool = False
    flags: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    resume: How = How.AUTO
    schema: str | None = None
    search_path: str | None = None
    drafts: tuple[Path, ...] = ()
    only: str | None = None
    agreed: "Asked | None" = field(default=None, repr=False)
    losing: frozenset[str] | None = field(default=None, repr=False)
    scratch: bool = False
    marked: "Callable[[Target], Environment | None]" = field(default=unmarked, repr=False)


def open_project(
    settings: "Settings",
    configs: Sequence[Path],
    name: str | None,
    x: tuple[str, ...],
    target: Target | None,
) -> Project:
    """The project around the current directory; raises UsageError where there is none."""
    place = find(configs, name, settings.root, settings.alembic_config)
    named = None if target is not None and _is_input_of_env(target) else target
    return Project(
        place=place,
        x=x,
        target=named,
        models=settings.models,
        root=settings.root,
        marked=partial(environment_of, settings),
    )


def _is_input_of_env(target: Target) -> bool:
    """What alembic.ini says is only env.py's input: env.py may well compute another URL."""
    return target.source.endswith("sqlalchemy.url") or target.source == "[tool.alembic]"
