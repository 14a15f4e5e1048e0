"""The SQLAlchemy scheme a project writes its URLs with, read without importing its code."""

import configparser
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from dotenv import dotenv_values

from dbtool.settings.keys import variables_of
from dbtool.settings.project import ALEMBIC_INI, Project
from dbtool.settings.provenance import DOTENV

BARE = "postgresql"
DEFAULT = "postgresql+asyncpg"
_SYNCHRONOUS = ("psycopg", "psycopg2", "pg8000")
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+(\w+))?://")
_ASYNC_ENGINE = re.compile(r"\b(create_async_engine|async_engine_from_config|AsyncEngine)\b")
_ENGINE = re.compile(r"\b(create_engine|engine_from_config)\b")


def scheme(project: Project) -> str:
    """What a URL for this project begins with: as its own URLs do, else as env.py's engine needs.

    The environment of the process is not looked at: what it names may be another server.
    """
    for url in _urls(project):
        if found := _SCHEME.match(url.strip()):
            return f"{BARE}+{found[1]}" if found[1] else BARE
    return _of_engine(project)


def _urls(project: Project) -> Iterator[str]:
    with suppress(OSError, UnicodeDecodeError):
        written = dotenv_values(project.root / DOTENV, interpolate=False)
        yield from (written.get(name) or "" for name in variables_of("url"))
    yield str(project.table.get("url", ""))
    yield _ini(project).get("sqlalchemy.url", "")
    yield str(project.alembic_table.get("sqlalchemy.url", ""))


def _of_engine(project: Project) -> str:
    """A synchronous engine cannot use an asynchronous driver, and the other way round."""
    named = _ini(project).get("script_location") or project.alembic_table.get("script_location")
    place = str(named or "migrations").replace("%(here)s", str(project.root))
    text = ""
    with suppress(OSError, UnicodeDecodeError):
        text = Path(project.root, place, "env.py").read_text(encoding="utf-8")
    if _ASYNC_ENGINE.search(text) or not _ENGINE.search(text):
        return DEFAULT
    driver = next((each for each in _SYNCHRONOUS if find_spec(each)), _SYNCHRONOUS[0])
    return f"{BARE}+{driver}"


def _ini(project: Project) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    path = project.root / str(project.table.get("alembic_config", ALEMBIC_INI))
    with suppress(OSError, UnicodeDecodeError, configparser.Error):
        parser.read_string(path.read_text(encoding="utf-8"))
    return dict(parser["alembic"]) if parser.has_section("alembic") else {}
