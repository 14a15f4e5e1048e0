"""Read the database URL out of Alembic's configuration without importing Alembic."""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbtool.errors import UsageError

_KEY = "sqlalchemy.url"
_PLACEHOLDER = "driver://"


@dataclass(frozen=True, slots=True)
class AlembicUrl:
    """The URL that stands in the configuration, or why the one there is of no use."""

    url: str | None = field(default=None, repr=False)
    source: str = ""
    note: str = ""


def read_url(ini: Path | None, section: str, table: Mapping[str, Any], root: Path) -> AlembicUrl:
    """The URL of the .ini file, else the one of [tool.alembic], as Alembic itself looks."""
    found = _from_ini(ini, section) if ini else AlembicUrl()
    if found.url or found.note or _KEY not in table:
        return found
    return _usable(lambda: str(table[_KEY]) % {"here": root.as_posix()}, "[tool.alembic]")


def _from_ini(ini: Path, section: str) -> AlembicUrl:
    parser = configparser.ConfigParser({"here": ini.absolute().parent.as_posix()})
    try:
        parser.read_string(ini.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return AlembicUrl()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f'cannot read "{ini}"', detail=reason) from error
    except configparser.Error as error:
        raise UsageError(f'"{ini}" is not a valid .ini file', detail=_position(error)) from None
    if not parser.has_option(section, _KEY):
        return AlembicUrl()
    return _usable(lambda: parser.get(section, _KEY), ini.name)


def _usable(read: Any, file: str) -> AlembicUrl:
    source = f"{file} {_KEY}"
    try:
        url = str(read()).strip()
    except configparser.InterpolationMissingOptionError as error:
        note = f'{source} needs "{error.reference}", which only env.py may know; not used'
        return AlembicUrl(note=note)
    except (configparser.InterpolationError, KeyError, ValueError, TypeError):
        return AlembicUrl(note=f"{source} has a % that is not doubled; not used")
    if url.startswith(_PLACEHOLDER):
        return AlembicUrl(note=f"{source} is still the template's placeholder; not used")
    return AlembicUrl(url or None, source)


def _position(error: configparser.Error) -> str:
    """Where the file is wrong, without the line itself: it may hold a password."""
    line = getattr(error, "lineno", None)
    return f"{type(error).__name__}, line {line}" if line else type(error).__name__
