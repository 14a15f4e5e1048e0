"""The databases the settings name, each with its guard: `[tool.dbtool.env.NAME]`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError
from dbtool.settings.project import OWN_FILE, PYPROJECT, Project

if TYPE_CHECKING:
    from dbtool.settings.keys import EnvironmentKeys

_INDIRECT = "env:"
_PLACE = frozenset({"PGHOST", "PGPORT", "PGDATABASE", "PGSERVICE"})


@dataclass(frozen=True, slots=True)
class Environment:
    """A database the settings name, and whether it is production or for development.

    One without a name is a database the settings do not name. `may_be` is where the settings
    mark production that it could be under another name; `own_file` says that the settings
    stand in dbtool.toml.
    """

    name: str
    url: str | None = field(default=None, repr=False, metadata={"json": False})
    production: bool = False
    development: bool = False
    source: str = ""
    may_be: str = ""
    own_file: bool = False
    rescue_url: str | None = field(default=None, repr=False, metadata={"json": False})

    def rescue(self, variables: Mapping[str, str]) -> Target | None:
        """Another login of it for when it is full."""
        if self.rescue_url is None:
            return None
        return self._parsed(*resolve(self.rescue_url, f"rescue_url of {self.source}", variables))

    def target(self, variables: Mapping[str, str]) -> Target:
        """The database; no PG* variable moves it elsewhere."""
        return self._parsed(*resolve(self.named_url(), self.source, variables))

    def _parsed(self, text: str, source: str) -> Target:
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

    def could_hold(self, target: Target, variables: Mapping[str, str]) -> bool:
        """Whether a database could be this one, reached by another name of its server."""
        try:
            return self.target(variables).may_be(target)
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


def named(tables: Mapping[str, "EnvironmentKeys"], table: str) -> Iterator[Environment]:
    """The environments of the settings file; `table` is what its table is called."""
    for name, keys in tables.items():
        source = section(table, name)
        if keys.production and keys.development:
            raise UsageError(f"{source} is marked both production and development")
        yield Environment(
            name,
            keys.url,
            keys.production,
            keys.development,
            source,
            rescue_url=keys.rescue_url,
        )


def section(table: str, name: str) -> str:
    """What the table of an environment is called."""
    return f"{table[:-1]}.env.{name}]" if table.endswith("]") else f"{table} [env.{name}]"


def choose(
    name: str | None, project: Project, known: tuple[Environment, ...]
) -> Environment | None:
    """The environment of that name; None where no name is given."""
    if not name:
        return None
    for environment in known:
        if environment.name == name:
            return environment
    from difflib import get_close_matches

    names = [each.name for each in known]
    near = get_close_matches(name, names, n=1)
    if near:
        hint = f'Did you mean "{near[0]}"?'
    elif names:
        hint = f"Known: {', '.join(names)}."
    else:
        own = project.has_own_file
        file, table = (OWN_FILE, "env") if own else (PYPROJECT, "tool.dbtool.env")
        hint = f'Add it to {file}:\n[{table}.{name}]\nurl = "env:DATABASE_URL"'
    where = project.table_source or f"any settings file (project root: {project.root})"
    raise UsageError(f'no environment "{name}" in {where}', hint=hint)
