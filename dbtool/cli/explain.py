"""`dbtool explain`: run a query safely and say where its time goes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.output import Format
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.explain.run import How
    from dbtool.report import Report

_STDIN = Path("-")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Queries", DATABASE, JUDGED)(explain)


def explain(
    call: Call,
    sql: Annotated[
        str | None,
        typer.Argument(metavar="SQL", help="The statement; without it, stdin is read."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read the statements from a file."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="[NAME=]VALUE",
            help="The value of a parameter: by name, or in order for $1, ? and %s.",
        ),
    ] = None,
    no_analyze: Annotated[
        bool, typer.Option("--no-analyze", help="Show the plan without running the statement.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            max=86_400,
            help="Stop a statement after this time: by default 30 in development, else 10.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Run also what looks expensive or calls unknown functions."),
    ] = False,
    from_plan: Annotated[
        Path | None,
        typer.Option(
            "--from-plan",
            metavar="FILE",
            help="Read plans somebody saved, in any format, or a log of them (- for stdin).",
        ),
    ] = None,
) -> "Report":
    """Run a query safely and say where its time goes.

    It runs in a read-only transaction with time limits that is always rolled back; statements
    that write are refused. Several statements are explained in order.
    """
    given = [each for each in (sql, file, from_plan) if each is not None]
    if len(given) > 1:
        raise UsageError("give one of a statement, -f and --from-plan, not several")
    if from_plan is not None:
        return _offline(from_plan)
    from dbtool.explain.run import How

    name = str(file) if file not in (None, _STDIN) else None
    how = How(not no_analyze, timeout, tuple(param or ()), name)
    text = _read(file or _STDIN) if sql is None or sql == "-" else sql
    return _on_server(call, text, how, yes=yes)


def _offline(path: Path) -> "Report":
    from dbtool.explain import offline, view

    return view.report(offline.examine(_read(path), _name(path)))


def _on_server(call: Call, sql: str, how: "How", *, yes: bool) -> "Report":
    from dbtool.explain import run, view

    explained = run.explain(
        call.target, sql, how=how, permission=call.permission(yes), progress=call.progress
    )
    report = view.report(explained)
    if (refusal := view.refusal(explained)) is not None:
        call.progress.close()
        if call.options.wanted is Format.JSON:
            # One envelope for a command: whoever parses it gets the refusal and nothing before.
            refusal.hint = "--yes runs it; --no-analyze shows the plan."
        else:
            call.emit(report)
        raise refusal
    return report


def _name(path: Path) -> str:
    return "stdin" if path == _STDIN else f'"{path}"'


def _read(path: Path) -> str:
    """The text of a file, or of stdin unless a person would have to type it."""
    if path == _STDIN and sys.stdin.isatty():
        raise UsageError(
            "there is no statement to explain",
            hint='Give one as an argument, with -f FILE, or on stdin: dbtool explain "SELECT …"',
        )
    try:
        content = sys.stdin.buffer.read() if path == _STDIN else path.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{_name(path)} is not UTF-8", detail=str(error)) from error
