"""Find the project around a directory and read the files that may hold its settings."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dbtool.errors import UsageError

OWN_FILE = "dbtool.toml"
PYPROJECT = "pyproject.toml"
ALEMBIC_INI = "alembic.ini"
_SECRET = MappingProxyType({"json": False})


@dataclass(frozen=True, slots=True)
class Project:
    """A project root, what its TOML files say to dbtool and Alembic, and why it is the root."""

    root: Path
    found_by: str
    table: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata=_SECRET)
    table_source: str = ""
    alembic_table: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata=_SECRET)

    @property
    def has_settings(self) -> bool:
        """Whether something at the root is said to dbtool or Alembic."""
        return self.found_by not in ("", PYPROJECT, ".git")

    @property
    def has_own_file(self) -> bool:
        """Whether the settings stand in dbtool.toml, where no other file may add to them."""
        return self.table_source == OWN_FILE


def find(start: Path) -> Project:
    """The nearest directory upwards with settings for dbtool or Alembic.

    Failing that the nearest pyproject.toml, then the repository, then `start` itself. The
    search ends at the repository's root: what lies above belongs to somebody else.
    """
    plain: Path | None = None
    for directory in (start, *start.parents):
        project = _read(directory)
        if project.found_by:
            return project
        if plain is None and (directory / PYPROJECT).exists():
            plain = directory
        if (directory / ".git").exists():
            return Project(plain, PYPROJECT) if plain else Project(directory, ".git")
    return Project(plain, PYPROJECT) if plain else Project(start, "")


def root_here() -> Path:
    """The root of the project around the current directory, where its server is kept."""
    return find(Path.cwd()).root


def _read(directory: Path) -> Project:
    tool = read_toml(directory / PYPROJECT).get("tool", {})
    alembic = tool.get("alembic", {})
    own = directory / OWN_FILE
    if own.exists() and "dbtool" in tool:
        raise UsageError(
            "the settings stand in two places",
            detail=f"{own} and [tool.dbtool] in {directory / PYPROJECT} are both there.",
            hint="Move everything to one of them.",
        )
    if own.exists():
        return Project(directory, OWN_FILE, read_toml(own), OWN_FILE, alembic)
    if "dbtool" in tool:
        source = f"{PYPROJECT} [tool.dbtool]"
        return Project(directory, source, tool["dbtool"], source, alembic)
    if alembic:
        return Project(directory, f"{PYPROJECT} [tool.alembic]", alembic_table=alembic)
    return Project(directory, ALEMBIC_INI if (directory / ALEMBIC_INI).exists() else "")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; empty where there is none."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or "") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f'"{path}" is not valid TOML', detail=str(error)) from error
