"""The keys of the settings, the places that may set them, and who set what."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dbtool.errors import UsageError
from dbtool.severity import FailOn


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: how its value is read, and the variables that may carry it."""

    name: str
    read: Callable[[Any], Any]
    says: str
    variables: tuple[str, ...]
    default: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """One value at the place where it stands; the first one given for a key is in force."""

    key: str
    raw: Any = field(repr=False, metadata={"json": False})
    source: str


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError("must be a text")
    return raw


def _texts(raw: Any) -> tuple[str, ...]:
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if isinstance(raw, list) and all(isinstance(part, str) for part in raw):
        return tuple(raw)
    raise ValueError("must be a text or a list of texts")


def _fail_on(raw: Any) -> FailOn:
    try:
        return FailOn(raw)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(FailOn)}") from None


def _seconds(raw: Any) -> float:
    try:
        seconds = float("nan") if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError):
        seconds = float("nan")
    if 0 < seconds < 3600:
        return seconds
    raise ValueError("must be a number of seconds")


KEYS = (
    Key(
        "url",
        _text,
        "The database, in any form SQLAlchemy or libpq accepts; env:NAME reads a variable.",
        ("DBTOOL_URL", "DATABASE_URL"),
    ),
    Key(
        "models",
        _texts,
        'Where the models are: "package.module:Base", or a list of such names.',
        ("DBTOOL_MODELS",),
    ),
    Key(
        "engine",
        _text,
        'The application\'s engine, or a function that makes it: "package.module:engine".',
        ("DBTOOL_ENGINE",),
    ),
    Key(
        "alembic_config",
        _text,
        "Alembic's configuration file, from the project root.",
        ("DBTOOL_ALEMBIC_CONFIG", "ALEMBIC_CONFIG"),
    ),
    Key(
        "fail_on",
        _fail_on,
        "The least severity that makes a judging command exit 1.",
        ("DBTOOL_FAIL_ON",),
        "error",
    ),
    Key(
        "connect_timeout",
        _seconds,
        "How long a connection may take, in seconds.",
        ("DBTOOL_CONNECT_TIMEOUT",),
        "3",
    ),
)
"""Every setting besides the environments, in the order they are shown."""

NOT_SETTINGS = frozenset({"DBTOOL_ENV", "DBTOOL_PG_BIN", "DBTOOL_TEST_PG"})
"""Variables of dbtool that are no settings of a project."""


def from_variables(variables: Mapping[str, str | None], place: str = "") -> Iterator[Given]:
    """What environment variables set; an empty one sets nothing."""
    for key in KEYS:
        for name in key.variables:
            if value := variables.get(name):
                yield Given(key.name, value, f"{place} {name}".strip())


def from_table(table: Mapping[str, Any], source: str) -> Iterator[Given]:
    """What a table of the settings file sets; an unknown key is refused by name."""
    known = [key.name for key in KEYS]
    for name, raw in table.items():
        if name == "env":
            continue
        if name not in known:
            raise unknown_key(name, source, (*known, "env"))
        if raw not in ("", []):
            yield Given(name, raw, source)


def unknown_key(name: str, source: str, known: tuple[str, ...]) -> UsageError:
    """The error for a key nobody reads."""
    near = get_close_matches(name.replace("-", "_"), known, n=1)
    return UsageError(
        f'{source} has an unknown key "{name}"',
        hint=f'Did you mean "{near[0]}"?' if near else f"Known keys: {', '.join(known)}.",
    )


def unknown_variables(variables: Mapping[str, str | None]) -> tuple[str, ...]:
    """DBTOOL_* variables that nothing reads: most likely misspelt."""
    known = {name for key in KEYS for name in key.variables} | NOT_SETTINGS
    return tuple(
        sorted(name for name in variables if name.startswith("DBTOOL_") and name not in known)
    )


def read_dotenv(root: Path) -> dict[str, str | None]:
    """The variables of the `.env` file in the project root."""
    path = root / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return dict(dotenv_values(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'cannot read "{path}"', detail=str(error)) from error


def in_force(given: tuple[Given, ...], key: str) -> Given | None:
    """The value that wins: the first one given."""
    return next((each for each in given if each.key == key), None)


def read(given: tuple[Given, ...], key: str) -> Any:
    """The winning value in its own type; None where nobody set it."""
    found = in_force(given, key)
    if found is None:
        return None
    reader = next(each.read for each in KEYS if each.name == key)
    try:
        return reader(found.raw)
    except ValueError as error:
        raise UsageError(f"{found.source}: {key} {error}") from None
