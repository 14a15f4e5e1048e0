"""The databases the settings name, each with its guard: `[tool.dbtool.env.NAME]`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from dbtool.errors import UsageError
from dbtool.project import Project
from dbtool.provenance import unknown_key
from dbtool.target import Target
from dbtool.url import parse

_KEYS = ("url", "production", "development")
_INDIRECT = "env:"
_PLACE = frozenset({"PGHOST", "PGPORT", "PGDATABASE", "PGSERVICE"})


@dataclass(frozen=True, slots=True)
class Environment:
    """A database the settings name, and whether it is production or for development."""

    name: str
    url: str | None = field(default=None, repr=False, metadata={"json": False})
    production: bool = False
    development: bool = False
    source: str = ""

    def target(self, variables: Mapping[str, str]) -> Target:
        """The database; no PG* variable moves it elsewhere."""
        text, source = resolve(self.named_url(), self.source, variables)
        libpq = {key: value for key, value in os.environ.items() if key not in _PLACE}
        return parse(text, source, libpq)

    def named_url(self) -> str:
        """The URL as written; raises UsageError where there is none."""
        if self.url:
            return self.url
        raise UsageError(
            f'environment "{self.name}" names no database',
            hint=f'Write url = "env:DATABASE_URL" (or a URL) in {self.source}.',
        )

    def holds(self, target: Target, variables: Mapping[str, str]) -> bool:
        """Whether a database is the one of this environment, reached directly or pooled."""
        try:
            return self.target(variables).same_database(target)
        except UsageError:
            return False


def resolve(text: str, source: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """A connection string and its source; `env:NAME` stands for the variable NAME."""
    if text.startswith("$"):
        name = text.strip("${}")
        raise UsageError(
            f"{source} does not expand variables", hint=f'Write "{_INDIRECT}{name}" for {name}.'
        )
    if not text.startswith(_INDIRECT):
        return text, source
    name = text.removeprefix(_INDIRECT).strip()
    if value := variables.get(name):
        return value, f"{source}, from {name}"
    raise UsageError(
        f"the variable {name} is not set",
        detail=f"{source} takes the database from it.",
        hint=f"Set {name} to a connection string.",
    )


def read_all(project: Project) -> Iterator[Environment]:
    """The environments of the settings file."""
    tables = project.table.get("env", {})
    if not isinstance(tables, dict):
        raise UsageError(f"{project.table_source}: env must be a table of environments")
    for name, table in tables.items():
        yield _read(name, table, _section(project, name))


def _section(project: Project, name: str) -> str:
    if project.table_source.endswith("]"):
        return f"{project.table_source[:-1]}.env.{name}]"
    return f"{project.table_source} [env.{name}]"


def _read(name: str, table: Any, source: str) -> Environment:
    if not isinstance(table, dict):
        raise UsageError(f"{source} must be a table")
    for key, value in table.items():
        if key not in _KEYS:
            raise unknown_key(key, source, _KEYS)
        kind = str if key == "url" else bool
        if not isinstance(value, kind):
            what = "a text" if kind is str else "true or false"
            raise UsageError(f"{source}: {key} must be {what}")
    environment = Environment(name=name, source=source, **table)
    if environment.production and environment.development:
        raise UsageError(f"{source} is marked both production and development")
    return environment


def choose(
    name: str | None, project: Project, known: tuple[Environment, ...]
) -> Environment | None:
    """The environment of that name; None where no name is given."""
    if not name:
        return None
    for environment in known:
        if environment.name == name:
            return environment
    names = [each.name for each in known]
    near = get_close_matches(name, names, n=1)
    if near:
        hint = f'Did you mean "{near[0]}"?'
    elif names:
        hint = f"Known: {', '.join(names)}."
    else:
        hint = f'Add it to pyproject.toml:\n[tool.dbtool.env.{name}]\nurl = "env:DATABASE_URL"'
    where = project.table_source or f"any settings file (project root: {project.root})"
    raise UsageError(f'no environment "{name}" in {where}', hint=hint)
