"""`dbtool local`: the project's own PostgreSQL for development."""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dbtool.cli import output
from dbtool.cli.command import Call, command
from dbtool.cli.help import HelpGroup

if TYPE_CHECKING:
    from dbtool.report import Report
    from dbtool.scratch.local import Status

PANEL = "Set-up"
SERVER_PANEL = "Commands"


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

    started = local.start(_root(), major=pg, port=port, progress=call.progress)
    return _report(call, started, "was already running" if not started.changed else "is running")


def stop(call: Call) -> "Report":
    """Stop the server and end its sessions; the data stays."""
    from dbtool.scratch import local

    stopped = local.stop(_root())
    report = _report(call, stopped, "is stopped" if stopped.changed else "was not running")
    return replace(report, next=())


def status(call: Call) -> "Report":
    """Show whether the server runs and where it keeps what."""
    from dbtool.scratch import local

    found = local.status(_root())
    return _report(call, found, "is running" if found.running else "is not running")


def url(
    call: Call,
    database: Annotated[
        str | None, typer.Argument(help="Another database of this server.", show_default=False)
    ] = None,
    libpq: Annotated[
        bool, typer.Option("--libpq", help="As psql and pg_dump take it, not SQLAlchemy.")
    ] = False,
) -> "Report | None":
    """Print the URL of the development database and nothing else."""
    from dbtool.report import Report
    from dbtool.scratch import local

    target = local.target(_root())
    if database is not None:
        target = target.with_database(database)
    text = target.sqlalchemy_url()
    if libpq:
        text = text.replace("postgresql+asyncpg://", "postgresql://", 1)
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

    root = _root()
    target = local.target(root)
    program = local.psql(root)
    environment = target.libpq_environment(os.environ)
    # Python ignores a closed pipe, and psql would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(program, [str(program), *(arguments or [])], environment)


def _root() -> Path:
    from dbtool.settings.project import find

    return find(Path.cwd()).root


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
        named.insert(0, ("database", status.target.shown))
    return Report(
        command=call.command,
        data=status,
        headline=f"PostgreSQL {status.major} {state}",
        sections=(facts(named),),
        next=_next(status),
    )


def _next(status: "Status") -> tuple[str, ...]:
    if not status.running:
        return ("dbtool local start",)
    return ('export DATABASE_URL="$(dbtool local url)"', "dbtool local psql", "dbtool local stop")
