"""`dbtool local`: the project's own PostgreSQL for development."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dbtool.cli import output
from dbtool.cli.command import EXPORT, Call, command
from dbtool.cli.help import HelpGroup
from dbtool.errors import DbtoolError, UsageError

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.report import Report
    from dbtool.scratch.local import Status

PANEL = "Set-up"
SERVER_PANEL = "Commands"


class Driver(StrEnum):
    """The drivers of SQLAlchemy that a server's socket can be told to in a URL."""

    ASYNCPG = "asyncpg"
    PSYCOPG = "psycopg"
    PSYCOPG_ASYNC = "psycopg_async"
    PSYCOPG2 = "psycopg2"


@dataclass(frozen=True, slots=True)
class Url:
    """Where the development database is, ready to connect to."""

    url: str


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        cls=HelpGroup,
        help="Run a PostgreSQL server of this project's own for development.\n\n"
        "It lives in .dbtool/ beside the project's settings, listens on a Unix socket that only "
        "you can reach, and keeps its data until you remove that directory.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for body in (start, stop, status, url, psql):
        command(group, SERVER_PANEL)(body)
    app.add_typer(group, name="local", rich_help_panel=PANEL)


def start(
    call: Call,
    pg: Annotated[
        int | None,
        typer.Option(
            "--pg", metavar="MAJOR", help="The PostgreSQL version of a new server, such as 18."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            help="Also listen on 127.0.0.1, now and on later starts; 0 ends that.",
        ),
    ] = None,
) -> "Report":
    """Start the server; the first start creates it. Does nothing when it runs."""
    from dbtool.scratch import local
    from dbtool.settings.project import root_here

    started = local.start(root_here(), major=pg, port=port, progress=call.progress)
    return _report(call, started, "was already running" if not started.changed else "is running")


def stop(call: Call) -> "Report":
    """Stop the server and end its sessions; the data stays."""
    from dbtool.scratch import local
    from dbtool.settings.project import root_here

    stopped = local.stop(root_here(), call.progress)
    report = _report(call, stopped, "is stopped" if stopped.changed else "was not running")
    return replace(report, next=())


def status(call: Call) -> "Report":
    """Show whether the server runs and where it keeps what."""
    from dbtool.scratch import local
    from dbtool.settings.project import root_here

    found = local.status(root_here(), ask=True)
    return _report(call, found, _state(found))


def url(
    call: Call,
    database: Annotated[
        str | None, typer.Argument(help="Another database of this server.", show_default=False)
    ] = None,
    driver: Annotated[
        Driver | None,
        typer.Option(
            "--driver",
            metavar="NAME",
            help="For this driver of SQLAlchemy: asyncpg, psycopg, psycopg_async or psycopg2. "
            "By default the URL begins as the project's own do, else as env.py's engine needs it.",
            show_default=False,
        ),
    ] = None,
    libpq: Annotated[
        bool, typer.Option("--libpq", help="As psql and pg_dump take it, not SQLAlchemy.")
    ] = False,
) -> "Report | None":
    """Print the URL of the development database and nothing else."""
    from dbtool.report import Report
    from dbtool.scratch import local
    from dbtool.settings.driver import BARE, scheme
    from dbtool.settings.project import find

    if driver and libpq:
        raise UsageError("--driver and --libpq exclude each other")
    project = find(Path.cwd())
    target = local.target(project.root)
    if database is not None:
        target = target.with_database(database)
    named = f"{BARE}+{driver}" if driver else BARE if libpq else scheme(project)
    text = _url(target, named)
    if call.options.wanted is output.Format.JSON:
        return Report(command=call.command, data=Url(text))
    output.write(f"{text}\n", call.options.output)
    return None


def psql(
    call: Call,  # noqa: ARG001
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments for psql, after --.")
    ] = None,
) -> NoReturn:
    """Open psql on the development database."""
    from dbtool.scratch import local
    from dbtool.settings.project import root_here

    root = root_here()
    target = local.target(root)
    program = local.psql(root)
    environment = target.libpq_environment(os.environ)
    # Python ignores a closed pipe, and psql would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(program, [str(program), *(arguments or [])], environment)


def _report(call: Call, status: "Status", state: str) -> "Report":
    from dbtool.report import Report, facts

    if status.major is None:
        return Report(
            command=call.command,
            data=status,
            headline=f"no local server in {status.root}",
            next=("dbtool local start",),
        )
    named = [("data", str(status.data)), ("log", str(status.log))]
    if status.target is not None:
        named = [*_place(status.root, status.target), *_others(status, status.target), *named]
    return Report(
        command=call.command,
        data=status,
        headline=f"PostgreSQL {status.major} {state}",
        sections=(facts(named),),
        next=_next(status),
    )


def _state(status: "Status") -> str:
    if not status.running:
        return "is not running"
    return "is running" if status.answers else "runs and does not answer"


def _place(root: Path, target: "Target") -> list[tuple[str, str]]:
    """The URL to paste; one with a password in it is printed only by the command made for it."""
    from dbtool.settings.driver import scheme
    from dbtool.settings.project import find

    database = ("database", target.shown)
    return [database] if target.password else [database, ("url", _url(target, scheme(find(root))))]


def _others(status: "Status", own: "Target") -> list[tuple[str, str]]:
    """What the server holds beside the project's own database; dbtool local url takes the name."""
    others = [name for name in status.databases if name != own.database]
    return [("others", ", ".join(others))] if others else []


def _url(target: "Target", scheme: str) -> str:
    name, _, driver = scheme.partition("+")
    if driver:
        return target.sqlalchemy_url(driver)
    return target.sqlalchemy_url("psycopg").replace(f"{name}+psycopg://", f"{name}://", 1)


def _next(status: "Status") -> tuple[str, ...]:
    if status.target is None:
        return ("dbtool local start",)
    if status.answers is False:
        return ("dbtool local stop",)
    export = () if _is_named(status.target) else (EXPORT,)
    return (*export, "dbtool local psql", "dbtool local stop")


def _is_named(target: "Target") -> bool:
    """Whether the other commands find the server without being told."""
    from dbtool.settings.values import load

    with suppress(DbtoolError):
        settings = load(None, None, None)
        return settings.has_target() and settings.target().same_database(target)
    return False
