"""What the user set, where each value came from, and which database that names."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbtool.errors import UsageError
from dbtool.report import FailOn
from dbtool.target import Target
from dbtool.url import parse


@dataclass(frozen=True, slots=True)
class Environment:
    """A database the settings name, and whether it is production or for development."""

    name: str
    url: str | None = None
    production: bool = False
    development: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force."""

    root: Path
    models: tuple[str, ...] = ()
    engine: str | None = None
    alembic_config: Path | None = None
    fail_on: FailOn | None = None
    environment: Environment | None = None
    url: str | None = None
    url_source: str = ""

    def has_target(self) -> bool:
        """Whether a database is named."""
        return bool(self.url)

    def target(self) -> Target:
        """The database the user named; raises UsageError when none is."""
        if not self.url:
            raise UsageError(
                "no database is named",
                hint="Give --url, set DATABASE_URL, or write url under [tool.dbtool].",
            )
        return parse(self.url, self.url_source)


def load(
    url: str | None, env: str | None, config: Path | None, start: Path | None = None
) -> Settings:
    """Read the settings of the project around `start`, by default the current directory."""
    root = find_root(start or Path.cwd())
    table = _table(root)
    found, source = _url(url, os.environ, table)
    ini = config or root / "alembic.ini"
    return Settings(
        root=root,
        models=_tuple(table.get("models", ())),
        engine=table.get("engine"),
        alembic_config=ini if ini.exists() else None,
        environment=Environment(env) if env else None,
        url=found,
        url_source=source,
    )


def _url(url: str | None, environ: Mapping[str, str], table: Mapping[str, Any]) -> tuple[str, str]:
    for value, source in (
        (url, "--url"),
        (environ.get("DBTOOL_URL"), "DBTOOL_URL"),
        (environ.get("DATABASE_URL"), "DATABASE_URL"),
        (table.get("url"), "[tool.dbtool] url"),
    ):
        if value:
            return value, source
    return "", ""


def _tuple(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _table(root: Path) -> dict[str, Any]:
    own = root / "dbtool.toml"
    if own.exists():
        return tomllib.loads(own.read_text(encoding="utf-8"))
    project = root / "pyproject.toml"
    if project.exists():
        tool = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {})
        return dict(tool.get("dbtool", {}))
    return {}


def find_root(start: Path) -> Path:
    """The nearest ancestor that holds the project's settings, else `start` itself."""
    names = ("dbtool.toml", "alembic.ini", "pyproject.toml", ".git")
    for directory in (start, *start.parents):
        if any((directory / name).exists() for name in names):
            return directory
    return start
