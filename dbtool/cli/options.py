"""The options many commands share, spelled once."""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from dbtool.cli.durations import seconds
from dbtool.cli.output import Format
from dbtool.severity import FailOn

OUTPUT_PANEL = "Output"
DATABASE_PANEL = "Database"
LOCKS_PANEL = "Locks"
ALEMBIC_PANEL = "Alembic"


@dataclass(frozen=True, slots=True)
class Options:
    """What the shared options said; None and empty mean not given."""

    format: Format | None = None
    json: bool = False
    output: Path | None = None
    fail_on: FailOn | None = None
    url: str | None = None
    env: str | None = None
    configs: tuple[Path, ...] = ()
    name: str | None = None
    x: tuple[str, ...] = ()
    quiet: bool = False
    raiseerr: bool = False
    wait_db: float | None = None
    wait_lock: float | None = None
    lock_timeout: float | None = None
    max_blocking: float | None = None
    resume: Literal["auto", "skip", "rerun"] | None = None
    direct: bool = False

    @property
    def wanted(self) -> Format:
        """The format in force; `--json` is short for `--format json`."""
        return Format.JSON if self.json else self.format or Format.TERMINAL

    @property
    def config(self) -> Path | None:
        """The configuration file; the .ini where a pyproject.toml is given too."""
        return min(self.configs, key=lambda each: each.suffix == ".toml", default=None)


def _output(
    format: Annotated[  # noqa: A002
        Format | None,
        Option(
            "--format",
            metavar="FORMAT",
            help="How to write the report: terminal, json, markdown, html, github, gitlab, sarif, "
            "junit, nagios or prometheus.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    json: Annotated[
        bool,
        Option("--json", help="Short for --format json.", rich_help_panel=OUTPUT_PANEL),
    ] = False,
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the report to a file instead of stdout.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
) -> None: ...


def _judged(
    fail_on: Annotated[
        FailOn | None,
        Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit 1 from this severity on: note, warning, error (the default); unknown "
            "also fails on what could not be decided; never.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
) -> None: ...


def _environments(incomplete: str) -> list[tuple[str, str]]:
    """The environments of the project, for the shell."""
    from dbtool.settings.project import find

    known = find(Path.cwd()).table.get("env", {})
    return [
        (name, "production" if keys.get("production") else "")
        for name, keys in known.items()
        if name.startswith(incomplete)
    ]


def _database(
    url: Annotated[
        str | None,
        Option(
            "--url",
            metavar="URL",
            help="The database, in any form SQLAlchemy or libpq accepts.",
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = None,
    env: Annotated[
        str | None,
        Option(
            "--env",
            metavar="NAME",
            help="An environment named in the settings.",
            autocompletion=_environments,
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = None,
) -> None: ...


def _alembic(
    configs: Annotated[
        list[Path] | None,
        Option(
            "--config",
            "-c",
            metavar="FILE",
            help="The Alembic configuration file; an .ini and a pyproject.toml may both be given.",
            rich_help_panel=ALEMBIC_PANEL,
        ),
    ] = None,
    name: Annotated[
        str | None,
        Option(
            "--name",
            "-n",
            metavar="SECTION",
            help="The section of the .ini file to use.",
            rich_help_panel=ALEMBIC_PANEL,
        ),
    ] = None,
    x: Annotated[
        list[str] | None,
        Option(
            "-x",
            metavar="KEY=VALUE",
            help="An argument for env.py, as Alembic passes it; may be repeated.",
            rich_help_panel=ALEMBIC_PANEL,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        Option(
            "--quiet",
            "-q",
            help="Say nothing of progress, only results, questions and errors.",
            rich_help_panel=ALEMBIC_PANEL,
        ),
    ] = False,
    raiseerr: Annotated[
        bool,
        Option(
            "--raiseerr",
            help="Also print the Python traceback of a failure.",
            rich_help_panel=ALEMBIC_PANEL,
        ),
    ] = False,
) -> None: ...


def _waiting(
    wait_db: Annotated[
        float | None,
        Option(
            "--wait-db",
            metavar="DURATION",
            parser=seconds,
            help="Wait this long for a server that is still starting: 30s, 2min.",
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = None,
) -> None: ...


def _locking(
    wait_lock: Annotated[
        float | None,
        Option(
            "--wait-lock",
            metavar="DURATION",
            parser=seconds,
            help="Give up when another run, or locks, have held this one up for so long "
            "(10min); 0 never waits.",
            rich_help_panel=LOCKS_PANEL,
        ),
    ] = None,
    lock_timeout: Annotated[
        float | None,
        Option(
            "--lock-timeout",
            metavar="DURATION",
            parser=seconds,
            help="Let nobody queue behind a migration that waits for locks for longer than "
            "this (2s): it is rolled back and tried again.",
            rich_help_panel=LOCKS_PANEL,
        ),
    ] = None,
    max_blocking: Annotated[
        float | None,
        Option(
            "--max-blocking",
            metavar="DURATION",
            parser=seconds,
            help="End a migration when others have waited for so long behind locks it holds "
            "while it works (30s); 0 lets them wait.",
            rich_help_panel=LOCKS_PANEL,
        ),
    ] = None,
) -> None: ...


def _resuming(
    resume: Annotated[
        Literal["auto", "skip", "rerun"] | None,
        Option(
            "--resume",
            metavar="HOW",
            help="How to go on with a revision that ended in the middle: auto (the catalogue "
            "decides, the default), skip what is committed, or rerun all of it.",
            rich_help_panel=LOCKS_PANEL,
        ),
    ] = None,
) -> None: ...


def _direct(
    direct: Annotated[
        bool,
        Option(
            "--direct",
            help="The endpoint is no transaction pooler, though its name says so.",
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = False,
) -> None: ...


Share = tuple[inspect.Parameter, ...]


def _parameters(function: Callable[..., None]) -> Share:
    found = inspect.signature(function, eval_str=True).parameters.values()
    return tuple(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in found)


OUTPUT = _parameters(_output)
JUDGED = _parameters(_judged)
DATABASE = _parameters(_database)
ALEMBIC = _parameters(_alembic)
WAITING = _parameters(_waiting)
LOCKING = _parameters(_locking)
RESUMING = _parameters(_resuming)
DIRECT = _parameters(_direct)

SHARED_NAMES = frozenset(field.name for field in fields(Options))


def split(values: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Part what typer parsed into the shared options and the command's own."""
    shared = {key: value for key, value in values.items() if key in SHARED_NAMES}
    shared |= {key: tuple(shared.get(key) or ()) for key in ("x", "configs")}
    return Options(**shared), {
        key: value for key, value in values.items() if key not in SHARED_NAMES
    }


def merge(outer: Options, inner: Options) -> Options:
    """Options may stand before or behind the command; the nearer one wins, `-x` adds up."""
    chosen = {
        field.name: getattr(inner if _is_given(inner, field.name) else outer, field.name)
        for field in fields(Options)
    }
    return Options(**{**chosen, "x": outer.x + inner.x})


def _is_given(options: Options, name: str) -> bool:
    """Whether an option was used; 0 is a length of time like any other."""
    value = getattr(options, name)
    return value is not None and value is not False and value != ()


def given(options: Options) -> dict[str, str]:
    """The options that were given, by field, as they are spelled on the command line."""
    spelled = {"x": "-x", "configs": "--config"}
    names = (field.name for field in fields(Options) if _is_given(options, field.name))
    return {name: spelled.get(name, f"--{name.replace('_', '-')}") for name in names}


def shortest(parameter: inspect.Parameter) -> str:
    """The shortest spelling of an option; the first of them is where others have a default."""
    option = parameter.annotation.__metadata__[0]
    spellings: tuple[str, ...] = (option.default, *option.param_decls)
    return min(spellings, key=len)


def hidden(share: Share) -> Share:
    """The same options, taken but not listed on the help page."""
    return tuple(_hide(parameter) for parameter in share)


def without(spelling: str, share: Share) -> Share:
    """The same options where one spelling means something else to the command."""
    return tuple(_despell(spelling, parameter) for parameter in share)


def _hide(parameter: inspect.Parameter) -> inspect.Parameter:
    option = copy(parameter.annotation.__metadata__[0])
    option.hidden = True
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, option])


def _despell(spelling: str, parameter: inspect.Parameter) -> inspect.Parameter:
    option = copy(parameter.annotation.__metadata__[0])
    option.param_decls = tuple(each for each in option.param_decls if each != spelling)
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, option])
