"""`dbtool config`: every setting, where it came from, and which database it leads to."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import EXPORT, Call, command
from dbtool.cli.options import ALEMBIC, DATABASE
from dbtool.errors import DbtoolError

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.guard import Classified
    from dbtool.report import Report, Section
    from dbtool.settings.values import NamedDatabase, Settings, Value


_WORDS = {
    "development": "development",
    "production": "production",
    "unknown": "not known whether production",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force and the database they name."""

    root: str
    root_found_by: str
    source_directory: str | None
    database: str | None
    database_source: str | None
    standing: str | None
    standing_reason: str | None
    settings_line: str | None
    pooled: str | None
    settings: "tuple[Value, ...]"
    environments: "tuple[NamedDatabase, ...]"
    notes: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Set-up", DATABASE, ALEMBIC)(config)


def config(call: Call) -> "Report":
    """Show every setting, where it came from, and which database would be used.

    Nothing is connected to. Secrets are never shown.
    """
    from dbtool.report import Report

    read = _read(call.settings)
    return Report(
        command=call.command,
        data=read,
        headline=_headline(read),
        sections=_sections(read),
        notes=read.notes,
        next=_next(call.settings),
    )


def _read(settings: "Settings") -> Config:
    from dbtool.database.target import pooled
    from dbtool.guard import Standing, environment_of, expect
    from dbtool.imports import source_directory

    target = settings.target() if settings.has_target() else None
    marked = environment_of(settings, target) if target else None
    expected = expect(target, marked) if target else None
    if target and expected and expected.standing is Standing.UNKNOWN:
        expected = _if_own(settings, target) or expected
    return Config(
        root=str(settings.root),
        root_found_by=settings.project.found_by,
        source_directory=source.name if (source := source_directory(settings.root)) else None,
        database=target.shown if target else None,
        database_source=target.source if target else None,
        standing=expected.standing.value if expected else None,
        standing_reason=_reason(expected, marked.may_be) if expected and marked else None,
        settings_line=expected.settings_line or None if expected else None,
        pooled=pooled(target) if target else None,
        settings=settings.values(),
        environments=settings.named_databases(),
        notes=settings.notes,
    )


def _if_own(settings: "Settings", target: "Target") -> "Classified | None":
    """The project's own server is for development, however its URL came into the settings."""
    from dbtool.guard import Classified, Standing
    from dbtool.scratch import local

    with suppress(DbtoolError, OSError):
        if local.owns(settings.root, target):
            return Classified(Standing.DEVELOPMENT, "it is on the server of dbtool local")
    return None


def _reason(expected: "Classified", may_be: str) -> str:
    if expected.settings_line and not may_be:
        return f"{expected.reason}; development if its server proves to be a local process"
    return expected.reason


def _headline(read: Config) -> str:
    if read.database is None:
        return "no database is named"
    return f"{read.database}, from {read.database_source}: {_WORDS[read.standing or '']}"


def _sections(read: Config) -> "tuple[Section, ...]":
    from dbtool.report import Code, Column, Table, facts

    named = [("project root", f"{read.root} ({_found_by(read.root_found_by)})")]
    if read.source_directory:
        holds = f"the root and {read.source_directory}/, which holds packages"
        named.append(("imports from", holds))
    if read.standing_reason:
        named.append(("standing", f"{read.standing}: {read.standing_reason}"))
    if read.pooled:
        named.append(("transaction pooler", read.pooled))
    columns = Column("setting"), Column("value"), Column("from")
    rows = tuple((each.key, each.value or "not set", _origin(each)) for each in read.settings)
    sections: list[Section] = [facts(named), Table(columns, rows)]
    if read.environments:
        columns = Column("environment"), Column("database"), Column("marked")
        rows = tuple((each.name, each.database, each.marked) for each in read.environments)
        sections.append(Table(columns, rows))
    if read.settings_line:
        line = read.settings_line.replace("] ", "]\n", 1)
        title = "to classify it (or production = true)"
        sections.append(Code("toml", line, title))
    return tuple(sections)


def _found_by(name: str) -> str:
    return f"found by {name}" if name else "no settings file found"


def _origin(value: "Value") -> str:
    if not value.overrides:
        return value.source
    return f"{value.source}, over {', '.join(value.overrides)}"


def _next(settings: "Settings") -> tuple[str, ...]:
    """How to name a database: that of the project's own server where it has one."""
    if settings.has_target():
        return ()
    if own := _own_server(settings):
        return own
    export = 'export DATABASE_URL="postgresql://user@host:5432/database"'
    if settings.alembic_config or settings.project.table or settings.project.alembic_table:
        return export, "dbtool local start"
    return export, "dbtool init", "dbtool demo"


def _own_server(settings: "Settings") -> tuple[str, ...]:
    from dbtool.scratch import local

    with suppress(DbtoolError, OSError):
        own = local.status(settings.root)
        if own.target is not None:
            return (EXPORT,)
        if own.major is not None:
            return "dbtool local start", EXPORT
    return ()
