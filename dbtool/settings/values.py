"""What the user set, where each value came from, and which database that names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from io import StringIO
from pathlib import Path

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError
from dbtool.settings import environments
from dbtool.settings.environments import Environment, choose, resolve
from dbtool.settings.inifile import AlembicUrl, read_url
from dbtool.settings.keys import KEYS, LINT, Keys, shown, variables_of
from dbtool.settings.project import ALEMBIC_INI, OWN_FILE, PYPROJECT, Project, find
from dbtool.settings.provenance import (
    DOTENV,
    Place,
    names_of,
    of_table,
    of_variables,
    read,
    unknown_variables,
)
from dbtool.severity import FailOn

_PLACE = ("PGHOST", "PGSERVICE", "PGDATABASE")


@dataclass(frozen=True, slots=True)
class Value:
    """One setting as `dbtool config` shows it: never a secret."""

    key: str
    value: str | None
    source: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedDatabase:
    """One environment as `dbtool config` shows it: never a secret."""

    name: str
    database: str
    marked: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, and which places set each of them."""

    project: Project
    keys: Keys = field(repr=False, metadata={"json": False})
    set_by: Mapping[str, tuple[str, ...]]
    environments: tuple[Environment, ...]
    chosen: Environment | None
    notes: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False, metadata={"json": False})

    @property
    def root(self) -> Path:
        """The project root."""
        return self.project.root

    @property
    def models(self) -> tuple[str, ...]:
        """Where the models are, as "package.module:name"."""
        return self.keys.models

    @property
    def engine(self) -> str | None:
        """Where the application's engine is, as "package.module:name"."""
        return self.keys.engine

    @property
    def seeds(self) -> Path:
        """The directory of seed files, whether or not there is one."""
        return self.root / self.keys.seeds

    @property
    def fail_on(self) -> FailOn:
        """The least severity that makes a judging command exit 1."""
        return self.keys.fail_on

    @property
    def alembic_config(self) -> Path | None:
        """Alembic's configuration file; None where there is none to be found."""
        named = self.keys.alembic_config
        return None if named is None else self.root / named

    def has_target(self) -> bool:
        """Whether a database is named."""
        return bool(self.set_by["url"])

    def target(self) -> Target:
        """The database the user named; raises UsageError when none is."""
        if self.chosen is not None:
            return self._limited(self.chosen.target(self.variables))
        if self.keys.url is None:
            raise self._no_database()
        place, *_ = self.set_by["url"]
        return self._limited(parse(*resolve(self.keys.url, place, self.variables)))

    def rescue(self) -> Target | None:
        """Another login for when the database has no slot left; it may be of another database."""
        if self.chosen is not None:
            found = self.chosen.rescue(self.variables)
        elif self.keys.rescue_url is not None:
            place, *_ = self.set_by["rescue_url"]
            source = place if "RESCUE" in place else f"rescue_url of {place}"
            found = parse(*resolve(self.keys.rescue_url, source, self.variables))
        else:
            return None
        return found and self._limited(found)

    def _limited(self, target: Target) -> Target:
        if not self.set_by["connect_timeout"] or target.parameter("connect_timeout"):
            return target
        limit = ("connect_timeout", str(self.keys.connect_timeout))
        return replace(target, parameters=tuple(sorted((*target.parameters, limit))))

    def _no_database(self) -> UsageError:
        own = self.project.has_own_file
        place = f"in {OWN_FILE}" if own else f"under [tool.dbtool] in {PYPROJECT}"
        hint = f"Give --url, set DATABASE_URL, or write url {place}."
        if present := [name for name in _PLACE if os.environ.get(name)]:
            hint += f"\nFor the one PG* variables name ({', '.join(present)}): --url postgresql://"
        if self.environments:
            names = ", ".join(each.name for each in self.environments)
            hint += f"\nOr choose an environment with --env: {names}."
        detail = " ".join(f"{note}." for note in self.notes)
        return UsageError("no database is named", detail=detail, hint=hint)

    def values(self) -> tuple[Value, ...]:
        """Every setting, the value in force and where it came from."""
        return tuple(self._value(key) for key in KEYS if key != "env")

    def named_databases(self) -> tuple[NamedDatabase, ...]:
        """Every environment, and why one leads nowhere where that is so."""
        return tuple(self._named(each) for each in self.environments)

    def _named(self, environment: Environment) -> NamedDatabase:
        try:
            database = environment.target(self.variables).shown
        except UsageError as error:
            database = error.message
        marks = "production" if environment.production else "development"
        marked = marks if environment.production or environment.development else "not marked"
        return NamedDatabase(environment.name, database, marked, environment.source)

    def _value(self, key: str) -> Value:
        value = getattr(self.keys, key)
        if key == "url":
            value = self.target().shown if self.has_target() else None
        if key == "rescue_url":
            rescue = self.rescue()
            value = rescue and rescue.shown
        plain = "" if value is None else _written(value)
        text = ", ".join(value) if isinstance(value, tuple) else plain
        first, *rest = self.set_by[key] or ("default" if text else "",)
        return Value(shown(key), text or None, first, tuple(rest))


def _written(value: object) -> str:
    """A value as TOML writes it; a number without an exponent or a negative zero."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value + 0:f}" if isinstance(value, Decimal) else str(value)


def load(
    url: str | None,
    env: str | None,
    config: Path | None,
    start: Path | None = None,
    section: str = "alembic",
) -> Settings:
    """Read the settings of the project around `start`, by default the current directory.

    `url`, `env`, `config` and `section` are the flags of those names (`--name` for the last).
    """
    _refuse_empty({"--url": url, "--env": env})
    project = find((start or Path.cwd()).absolute())
    if config is not None:
        project = _check_config(config, project)
    dotenv = _read_dotenv(project.root)
    ini = ALEMBIC_INI if (project.root / ALEMBIC_INI).exists() else None
    places: tuple[Place, ...] = (
        of_table("--url", {"url": url}),
        of_table("--config", {"alembic_config": config and config.absolute()}),
        of_variables(os.environ),
        of_variables(dotenv, f"{DOTENV} "),
        *_tables(project),
        of_table("found in the project root", {"alembic_config": ini}),
    )
    alembic = _alembic_url(read(places).alembic_config, project, section)
    places = (*places, of_table(alembic.source, {"url": alembic.url}))
    keys = read(places)
    variables = {name: value for name, value in dotenv.items() if value} | dict(os.environ)
    known = tuple(environments.named(keys.env or {}, project.table_source))
    selected = choose(env or variables.get("DBTOOL_ENV"), project, known)
    set_by = {key: names_of(key, places) for key in KEYS}
    if selected is not None:
        _refuse_conflict(selected, url, variables)
        set_by["url"] = (selected.source, *set_by["url"])
    notes = tuple(_notes(set_by["url"], alembic, variables))
    return Settings(project, keys, set_by, known, selected, notes, variables)


def _refuse_empty(flags: Mapping[str, str | None]) -> None:
    """A flag whose shell variable is not set must not mean the database of another place."""
    for flag, text in flags.items():
        if text is not None and not text.strip():
            raise UsageError(
                f"{flag} is empty",
                detail="A database named elsewhere is not taken instead.",
                hint=f"Set the variable it is made from, or leave {flag} out.",
            )


def _tables(project: Project) -> Iterator[Place]:
    """The table of dbtool, and the one below it of what only lint reads."""
    table, source = project.table, project.table_source
    lint = table.get(LINT, {})
    name = f"{source[:-1]}.{LINT}]" if source.endswith("]") else f"{source} [{LINT}]"
    if not isinstance(lint, Mapping):
        raise UsageError(f"{source}: {LINT} must be a table")
    yield of_table(source, {key: value for key, value in table.items() if key != LINT})
    yield of_table(name, lint, LINT)


def _check_config(config: Path, project: Project) -> Project:
    if not config.exists():
        raise UsageError(f'there is no file "{config}"', detail="It was named by --config.")
    return project if project.found_by else Project(config.absolute().parent, str(config))


def _read_dotenv(root: Path) -> Mapping[str, str | None]:
    path = root / DOTENV
    try:
        if not (path.is_file() or path.is_fifo()):
            return {}
        from dotenv import dotenv_values

        text = path.read_text("utf-8")
        _refuse_unreadable(path, text)
        return dotenv_values(stream=StringIO(text))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f'cannot read "{path}"', detail=reason) from error


def _refuse_unreadable(path: Path, text: str) -> None:
    """A line that names the database and cannot be read must not leave the choice to others."""
    from dotenv.parser import parse_stream

    for each in parse_stream(StringIO(text)):
        if each.error and any(name in each.original.string for name in ("DATABASE_URL", "DBTOOL_")):
            raise UsageError(
                f'cannot read line {each.original.line} of "{path}"',
                detail="It is not of the form NAME=value, or a quote is not closed.",
                hint="Correct the line.",
            )


def _alembic_url(config: Path | None, project: Project, section: str) -> AlembicUrl:
    ini = project.root / config if config and config.name != PYPROJECT else None
    return read_url(ini, section, project.alembic_table, project.root)


def _notes(
    url_places: tuple[str, ...], alembic: AlembicUrl, variables: Mapping[str, str]
) -> Iterator[str]:
    if not url_places and alembic.note:
        yield alembic.note
    if len(url_places) > 1 and url_places[0].startswith(DOTENV):
        yield f"the database is the one {url_places[0]} names, not {url_places[1]}"
    for name in unknown_variables(variables):
        yield f"{name} is set, but dbtool has no such setting"


def _refuse_conflict(selected: Environment, url: str | None, variables: Mapping[str, str]) -> None:
    """A URL of the command line or the process environment must lead to the same database."""
    mine = selected.target(variables)
    named = {"--url": url} | {name: os.environ.get(name) for name in variables_of("url")}
    for place, text in named.items():
        other = parse(*resolve(text, place, variables)) if text else mine
        if not mine.same_database(other):
            raise UsageError(
                f'{place} and environment "{selected.name}" name different databases',
                detail=f"{place}: {other.shown}\n{mine.source}: {mine.shown}",
                hint="Give only one of them." if place == "--url" else f"Unset {place}.",
            )
