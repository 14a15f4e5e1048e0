"""The keys of the settings: the type, default, meaning and variables of each."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, StrictBool
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dbtool.severity import FailOn

LINT = "lint"
"""The table of what only lint reads."""


def _split(value: object) -> object:
    """A list as a variable writes it: with commas."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


class EnvironmentKeys(BaseModel, extra="forbid", hide_input_in_errors=True):
    """The keys of one environment."""

    url: SecretStr | None = None
    production: StrictBool = False
    development: StrictBool = False


class Keys(BaseSettings):
    """Every setting, in the order they are shown."""

    model_config = SettingsConfigDict(
        case_sensitive=True,
        dotenv_filtering="only_existing",
        enable_decoding=False,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        loc_by_alias=False,
    )

    url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("DBTOOL_URL", "DATABASE_URL"),
        description="The database, in any form SQLAlchemy or libpq accepts; "
        "env:NAME reads a variable.",
    )
    models: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (),
        validation_alias=AliasChoices("DBTOOL_MODELS"),
        description='Where the models are: "package.module:Base", or a list of such names.',
    )
    engine: str | None = Field(
        None,
        validation_alias=AliasChoices("DBTOOL_ENGINE"),
        description="The application's engine, or a function that makes it: "
        '"package.module:engine".',
    )
    alembic_config: Path | None = Field(
        None,
        validation_alias=AliasChoices("DBTOOL_ALEMBIC_CONFIG", "ALEMBIC_CONFIG"),
        description="Alembic's configuration file, from the project root.",
    )
    fail_on: FailOn = Field(
        FailOn.ERROR,
        validation_alias=AliasChoices("DBTOOL_FAIL_ON"),
        description="The least severity that makes a judging command exit 1.",
    )
    connect_timeout: Decimal = Field(
        Decimal(3),
        gt=0,
        lt=3600,
        validation_alias=AliasChoices("DBTOOL_CONNECT_TIMEOUT"),
        description="How long a connection may take, in seconds.",
    )
    lock_timeout: Decimal = Field(
        Decimal(2),
        gt=0,
        lt=3600,
        validation_alias=AliasChoices("DBTOOL_LOCK_TIMEOUT"),
        description="How long a migration may wait for locks, and others queue behind it, before "
        "it is rolled back and tried again, in seconds.",
    )
    wait_lock: Decimal = Field(
        Decimal(600),
        ge=0,
        lt=86_400,
        validation_alias=AliasChoices("DBTOOL_WAIT_LOCK"),
        description="How long a migration may be held up by another run or by locks in all, in "
        "seconds.",
    )
    max_blocking: Decimal = Field(
        Decimal(30),
        ge=0,
        lt=86_400,
        validation_alias=AliasChoices("DBTOOL_MAX_BLOCKING"),
        description="How long others may wait behind locks that a migration holds while it works, "
        "before it is ended and rolled back, in seconds; 0 is as long as it takes.",
    )
    lint_select: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (),
        validation_alias=AliasChoices("DBTOOL_LINT_SELECT"),
        description='The rules that lint asks; "default" stands for those of hazards, "all" also '
        "for those of style.",
    )
    lint_ignore: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (),
        validation_alias=AliasChoices("DBTOOL_LINT_IGNORE"),
        description="The rules that lint does not ask.",
    )
    lint_since: str | None = Field(
        None,
        validation_alias=AliasChoices("DBTOOL_LINT_SINCE"),
        description="The last revision that lint does not judge, with all before it.",
    )
    lint_pg: int | None = Field(
        None,
        ge=15,
        le=18,
        validation_alias=AliasChoices("DBTOOL_LINT_PG"),
        description="The major version of the server that lint judges for: 15 to 18.",
    )
    env: dict[str, EnvironmentKeys] = Field(
        {},
        # Only a table can hold tables; no variable has this name.
        validation_alias=AliasChoices("[tool.dbtool.env]"),
        description="Databases by name, for --env: a table each, with url and production = true "
        "or development = true.",
    )

    def __init__(self, sources: tuple[PydanticBaseSettingsSource, ...]) -> None:
        """Take each key from the first source that sets it."""
        super().__init__(sources=sources)

    @classmethod
    def settings_customise_sources(
        cls, *_: Any, **built_in: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources that were handed in: which they are depends on the project."""
        return tuple(built_in["init_settings"]()["sources"])


def variables_of(key: str) -> tuple[str, ...]:
    """The variables that may carry a setting; the first one set wins."""
    alias = Keys.model_fields[key].validation_alias
    assert isinstance(alias, AliasChoices)
    return tuple(map(str, alias.choices))


def table_of(key: str) -> str:
    """The table below [tool.dbtool] that holds a setting; empty where it has none of its own."""
    return LINT if key.startswith(f"{LINT}_") else ""


def shown(key: str) -> str:
    """A setting as it is written: `lint.select`."""
    table = table_of(key)
    return f"{table}.{key.removeprefix(f'{table}_')}" if table else key
