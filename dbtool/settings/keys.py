"""The keys of the settings: the type, default, meaning and variables of each."""

from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from dbtool.severity import FailOn

LINT = "lint"
"""The table of what only lint reads."""

_STRICT = MappingProxyType({"strict": True})
"""To pydantic: no text and no number stands for true or false."""


def _says(meaning: str, *variables: str, **limits: int) -> dict[str, Any]:
    """What is said of a key: the first variable set wins; limits have the names of `operator`."""
    return {"meaning": meaning, "variables": variables, "limits": limits}


@dataclass(frozen=True, slots=True)
class EnvironmentKeys:
    """The keys of one environment."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    url: str | None = field(default=None, repr=False, metadata={"json": False})
    rescue_url: str | None = field(default=None, repr=False, metadata={"json": False})
    production: bool = field(default=False, metadata=_STRICT)
    development: bool = field(default=False, metadata=_STRICT)


@dataclass(frozen=True, slots=True)
class Keys:
    """Every setting, in the order they are shown."""

    url: str | None = field(
        default=None,
        repr=False,
        metadata=_says(
            "The database, in any form SQLAlchemy or libpq accepts; env:NAME reads a variable.",
            "DBTOOL_URL",
            "DATABASE_URL",
        )
        | {"json": False},
    )
    rescue_url: str | None = field(
        default=None,
        repr=False,
        metadata=_says(
            "Another login of the same database, a superuser's or one of "
            "pg_use_reserved_connections: now, locks, pool, top and kill take it where no slot is "
            "free for the other one.",
            "DBTOOL_RESCUE_URL",
        )
        | {"json": False},
    )
    models: tuple[str, ...] = field(
        default=(),
        metadata=_says(
            'Where the models are: "package.module:Base", or a list of such names.', "DBTOOL_MODELS"
        ),
    )
    models_ignore: tuple[str, ...] = field(
        default=(),
        metadata=_says("The rules over models that check does not ask.", "DBTOOL_MODELS_IGNORE"),
    )
    engine: str | None = field(
        default=None,
        metadata=_says(
            'The application\'s engine, or a function that makes it: "package.module:engine".',
            "DBTOOL_ENGINE",
        ),
    )
    alembic_config: Path | None = field(
        default=None,
        metadata=_says(
            "Alembic's configuration file, from the project root.",
            "DBTOOL_ALEMBIC_CONFIG",
            "ALEMBIC_CONFIG",
        ),
    )
    fail_on: FailOn = field(
        default=FailOn.ERROR,
        metadata=_says("The least severity that makes a judging command exit 1.", "DBTOOL_FAIL_ON"),
    )
    seeds: Path = field(
        default=Path("seeds"),
        metadata=_says("The directory of seed files, from the project root.", "DBTOOL_SEEDS"),
    )
    connect_timeout: Decimal = field(
        default=Decimal(3),
        metadata=_says(
            "How long a connection may take, in seconds.", "DBTOOL_CONNECT_TIMEOUT", gt=0, lt=3600
        ),
    )
    lock_timeout: Decimal = field(
        default=Decimal(2),
        metadata=_says(
            "How long a migration may wait for locks, and others queue behind it, before it is "
            "rolled back and tried again, in seconds.",
            "DBTOOL_LOCK_TIMEOUT",
            gt=0,
            lt=3600,
        ),
    )
    wait_lock: Decimal = field(
        default=Decimal(600),
        metadata=_says(
            "How long a migration may be held up by another run or by locks in all, in seconds.",
            "DBTOOL_WAIT_LOCK",
            ge=0,
            lt=86_400,
        ),
    )
    max_blocking: Decimal = field(
        default=Decimal(30),
        metadata=_says(
            "How long others may wait behind locks that a migration holds while it works, before "
            "it is ended and rolled back, in seconds; 0 is as long as it takes.",
            "DBTOOL_MAX_BLOCKING",
            ge=0,
            lt=86_400,
        ),
    )
    lint_select: tuple[str, ...] = field(
        default=(),
        metadata=_says(
            'The rules that lint asks; "default" stands for those of hazards, "all" also for those '
            "of style.",
            "DBTOOL_LINT_SELECT",
        ),
    )
    lint_ignore: tuple[str, ...] = field(
        default=(), metadata=_says("The rules that lint does not ask.", "DBTOOL_LINT_IGNORE")
    )
    lint_since: str | None = field(
        default=None,
        metadata=_says(
            "The last revision that lint does not judge, with all before it.", "DBTOOL_LINT_SINCE"
        ),
    )
    lint_pg: int | None = field(
        default=None,
        metadata=_says(
            "The major version of the server that lint judges for: 15 to 18.",
            "DBTOOL_LINT_PG",
            ge=15,
            le=18,
        ),
    )
    lint_measure: bool = field(
        default=False,
        metadata=_says(
            "Whether check --all runs what it lints in a throwaway server, as lint --measure does.",
            "DBTOOL_LINT_MEASURE",
        ),
    )
    env: dict[str, EnvironmentKeys] | None = field(
        default=None,
        metadata=_says(
            "Databases by name, for --env: a table each, with url and production = true or "
            "development = true, and rescue_url where there is one."
        ),
    )


KEYS = MappingProxyType({each.name: each for each in fields(Keys)})
"""The declaration of each setting."""


def variables_of(key: str) -> tuple[str, ...]:
    """The variables that may carry a setting; the first one set wins."""
    names: tuple[str, ...] = KEYS[key].metadata["variables"]
    return names


def table_of(key: str) -> str:
    """The table below [tool.dbtool] that holds a setting; empty where it has none of its own."""
    return LINT if key.startswith(f"{LINT}_") else ""


def shown(key: str) -> str:
    """A setting as it is written: `lint.select`."""
    table = table_of(key)
    return f"{table}.{key.removeprefix(f'{table}_')}" if table else key


def listed(text: str) -> tuple[Any, ...]:
    """A list as a variable writes it: with commas, or as JSON, of which the items are as found."""
    if text.lstrip().startswith("["):
        import json

        with suppress(ValueError, RecursionError):
            return tuple(json.loads(text))
    return tuple(part.strip() for part in text.split(",") if part.strip())
