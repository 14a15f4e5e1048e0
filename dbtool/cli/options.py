"""The options many commands share, spelled once."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from dbtool.cli.durations import seconds
from dbtool.cli.output import Format
from dbtool.cli.shared import parameters
from dbtool.severity import FailOn

OUTPUT_PANEL = "Output"
DATABASE_PANEL = "Database"
LOCKS_PANEL = "Locks"
ALEMBIC_PANEL = "Alembic"


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


def _patient(
    wait_lock: Annotated[
        float | None,
        Option(
            "--wait-lock",
            metavar="DURATION",
            parser=seconds,
            help="How long --resume waits for an interrupted run that has not ended on the "
            "server yet (10s, or the setting where that is less); 0 never waits.",
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
            help="The endpoint is no transaction pooler, though its name says so; where"
            " sessions are seen to share server processes it cannot help.",
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = False,
) -> None: ...


OUTPUT = parameters(_output)
JUDGED = parameters(_judged)
DATABASE = parameters(_database)
ALEMBIC = parameters(_alembic)
WAITING = parameters(_waiting)
LOCKING = parameters(_locking)
PATIENT = parameters(_patient)
RESUMING = parameters(_resuming)
DIRECT = parameters(_direct)
