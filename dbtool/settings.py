"""What the user set, where each value came from, and which database that names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dbtool import provenance
from dbtool.environments import Environment, choose, read_all, resolve
from dbtool.errors import UsageError
from dbtool.inifile import AlembicUrl, read_url
from dbtool.project import ALEMBIC_INI, PYPROJECT, Project, find
from dbtool.provenance import Given
from dbtool.severity import FailOn
from dbtool.target import Target
from dbtool.url import parse

__all__ = ["Environment", "NamedDatabase", "Settings", "Value", "load"]

_DOTENV = ".env"
_PLACE = ("PGHOST", "PGSERVICE", "PGDATABASE")
_PROCESS = ("--url", "DBTOOL_URL", "DATABASE_URL")


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
    """The settings in force; a value is checked when it is asked for."""

    project: Project
    given: tuple[Given, ...] = field(repr=False, metadata={"json": False})
    environments: tuple[Environment, ...] = ()
    chosen: Environment | None = None
    notes: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, metadata={"json": False})

    @property
    def root(self) -> Path:
        """The project root."""
        return self.project.root

    @property
    def models(self) -> tuple[str, ...]:
        """Where the models are, as "package.module:name"."""
        return provenance.read(self.given, "models") or ()

    @property
    def engine(self) -> str | None:
        """Where the application's engine is, as "package.module:name"."""
        value: str | None = provenance.read(self.given, "engine")
        return value

    @property
    def fail_on(self) -> FailOn | None:
        """The least severity that makes a judging command exit 1; None means the default."""
        value: FailOn | None = provenance.read(self.given, "fail_on")
        return value

    @property
    def alembic_config(self) -> Path | None:
        """Alembic's configuration file; None where there is none to be found."""
        named: str | None = provenance.read(self.given, "alembic_config")
        return None if named is None else self.root / named

    @property
    def environment(self) -> Environment | None:
        """The environment chosen by name, else the one whose database is the one named.

        Production goes first: a URL that leads there is guarded whoever spelt it.
        """
        if self.chosen is not None or not self.has_target():
            return self.chosen
        target = self.target()
        fitting = [each for each in self.environments if each.holds(target, self.variables)]
        return min(fitting, key=lambda each: not each.production, default=None)

    def has_target(self) -> bool:
        """Whether a database is named."""
        return provenance.in_force(self.given, "url") is not None

    def target(self) -> Target:
        """The database the user named; raises UsageError when none is."""
        found = provenance.in_force(self.given, "url")
        if found is None:
            raise self._no_database()
        if self.chosen is not None and found.source == self.chosen.source:
            target = self.chosen.target(self.variables)
        else:
            text = provenance.read(self.given, "url")
            target = parse(*resolve(text, found.source, self.variables))
        return self._limited(target)

    def _limited(self, target: Target) -> Target:
        timeout = provenance.read(self.given, "connect_timeout")
        if timeout is None or target.parameter("connect_timeout"):
            return target
        limit = ("connect_timeout", f"{timeout:g}")
        return replace(target, parameters=tuple(sorted((*target.parameters, limit))))

    def _no_database(self) -> UsageError:
        hint = "Give --url, set DATABASE_URL, or write url under [tool.dbtool] in pyproject.toml."
        if present := [name for name in _PLACE if os.environ.get(name)]:
            hint += f"\nFor the one PG* variables name ({', '.join(present)}): --url postgresql://"
        if self.environments:
            names = ", ".join(each.name for each in self.environments)
            hint += f"\nOr choose an environment with --env: {names}."
        detail = " ".join(f"{note}." for note in self.notes)
        return UsageError("no database is named", detail=detail, hint=hint)

    def values(self) -> tuple[Value, ...]:
        """Every setting, the value in force and where it came from."""
        return tuple(self._value(key) for key in provenance.KEYS)

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

    def _value(self, key: provenance.Key) -> Value:
        found = [each for each in self.given if each.key == key.name]
        if not found:
            return Value(key.name, key.default or None, "default" if key.default else "")
        shown = self.target().shown if key.name == "url" else found[0].raw
        text = ", ".join(shown) if isinstance(shown, list) else str(shown)
        return Value(key.name, text, found[0].source, tuple(each.source for each in found[1:]))


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
    project = find((start or Path.cwd()).absolute())
    if config is not None:
        project = _check_config(config, project)
    dotenv = provenance.read_dotenv(project.root)
    variables = {key: value for key, value in dotenv.items() if value} | dict(os.environ)
    environments = tuple(read_all(project))
    given = tuple(_given(url, config, project, dotenv))
    selected = choose(env or variables.get("DBTOOL_ENV"), project, environments)
    if selected is not None:
        _refuse_conflict(given, selected, variables)
        fixed = Given("url", selected.named_url(), selected.source)
        given = (fixed, *given)
    alembic = _alembic_url(given, project, section)
    if alembic.url:
        given = (*given, Given("url", alembic.url, alembic.source))
    notes = _notes(given, alembic, dotenv)
    return Settings(project, given, environments, selected, notes, variables)


def _check_config(config: Path, project: Project) -> Project:
    if not config.exists():
        raise UsageError(f'there is no file "{config}"', detail="It was named by --config.")
    return project if project.found_by else Project(config.absolute().parent, str(config))


def _given(
    url: str | None, config: Path | None, project: Project, dotenv: Mapping[str, str | None]
) -> Iterator[Given]:
    """Every value in order of precedence; the first for a key wins."""
    if url:
        yield Given("url", url, "--url")
    if config is not None:
        yield Given("alembic_config", str(config.absolute()), "--config")
    yield from provenance.from_variables(os.environ)
    yield from provenance.from_variables(dotenv, _DOTENV)
    yield from provenance.from_table(project.table, project.table_source)
    if (project.root / ALEMBIC_INI).exists():
        yield Given("alembic_config", ALEMBIC_INI, "found in the project root")


def _alembic_url(given: tuple[Given, ...], project: Project, section: str) -> AlembicUrl:
    named = provenance.read(given, "alembic_config")
    if named is not None and Path(named).name == PYPROJECT:
        named = None
    ini = None if named is None else project.root / named
    return read_url(ini, section, project.alembic_table, project.root)


def _notes(
    given: tuple[Given, ...], alembic: AlembicUrl, dotenv: Mapping[str, str | None]
) -> tuple[str, ...]:
    notes = []
    winner = provenance.in_force(given, "url")
    if winner is not None and winner.source.startswith(_DOTENV):
        notes.append(f"the database is the one {winner.source} names")
    if winner is None and alembic.note:
        notes.append(alembic.note)
    unknown = provenance.unknown_variables({**dotenv, **os.environ})
    notes.extend(f"{name} is set, but dbtool has no such setting" for name in unknown)
    return tuple(notes)


def _refuse_conflict(
    given: tuple[Given, ...], selected: Environment, variables: Mapping[str, str]
) -> None:
    """A URL of the command line or the process environment must lead to the same database."""
    mine = selected.target(variables)
    for each in given:
        if each.key != "url" or each.source not in _PROCESS:
            continue
        other = parse(*resolve(str(each.raw), each.source, variables))
        if not mine.same_database(other):
            flag = each.source.startswith("--")
            raise UsageError(
                f'{each.source} and environment "{selected.name}" name different databases',
                detail=f"{each.source}: {other.shown}\n{mine.source}: {mine.shown}",
                hint="Give only one of them." if flag else f"Unset {each.source}.",
            )
