"""A team's migrations: their configuration, what env.py is told, and the database named."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbtool.database import Target
from dbtool.migrate.location import Place, find

if TYPE_CHECKING:
    from dbtool.settings import Environment, Settings


@dataclass(frozen=True, slots=True)
class Project:
    """One Alembic environment and how it is run; `target` is None where env.py decides."""

    place: Place
    x: tuple[str, ...] = ()
    target: Target | None = None
    models: tuple[str, ...] = ()
    root: Path = Path()
    marked: "Callable[[Target], Environment | None]" = field(
        default=lambda _target: None, repr=False
    )


def open_project(
    settings: "Settings",
    config: Path | None,
    name: str | None,
    x: tuple[str, ...],
    target: Target | None,
) -> Project:
    """The project around the current directory; raises UsageError where there is none."""
    place = find(config, name, settings.root, settings.alembic_config)
    named = None if target is not None and _is_input_of_env(target) else target
    return Project(
        place=place,
        x=x,
        target=named,
        models=settings.models,
        root=settings.root,
        marked=lambda of: _environment(settings, of),
    )


def _is_input_of_env(target: Target) -> bool:
    """What alembic.ini says is only env.py's input: env.py may well compute another URL."""
    return target.source.endswith("sqlalchemy.url") or target.source == "[tool.alembic]"


def _environment(settings: "Settings", target: Target) -> "Environment | None":
    """The environment of the settings that a database belongs to; production goes first."""
    if settings.chosen is not None:
        return settings.chosen
    fitting = [each for each in settings.environments if each.holds(target, settings.variables)]
    return min(fitting, key=lambda each: not each.production, default=None)
