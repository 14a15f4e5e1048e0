"""`python -m tests.cli.sample`: the real program with commands made to test its shell."""

import sys
import time
from typing import Annotated

import typer

from dbtool.cli import program
from dbtool.cli.app import main
from dbtool.cli.command import Call, command
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED
from dbtool.errors import (
    ConnectError,
    DbtoolError,
    Interrupted,
    LockNotObtained,
    OperationError,
    UsageError,
)
from dbtool.finding import Certainty, Finding, Unknown
from dbtool.report import Column, Report, Table, Text
from dbtool.severity import Severity

ERRORS: dict[str, type[DbtoolError]] = {
    "usage": UsageError,
    "connect": ConnectError,
    "operation": OperationError,
    "lock": LockNotObtained,
    "interrupted": Interrupted,
}

COMMANDS = (
    *("options", "judge", "fail", "crash", "broken-pipe", "wait"),
    *("rows", "stream", "progress", "question", "leave", "raw"),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "Queries", DATABASE, ALEMBIC, JUDGED)(options)
    for body in (judge, fail, crash, broken_pipe, wait, rows, stream, progress):
        command(app, "Data", JUDGED)(body)
    for plain in (question, leave, raw):
        command(app, "Data")(plain)


def options(
    call: Call, rows: Annotated[int, typer.Option("--rows", help="How many.")] = 1
) -> Report:
    """Print the shared options as they arrive."""
    return Report(
        command=call.command, data=call.options._asdict(), headline=f"{call.options} {rows}"
    )


def judge(call: Call, severity: Annotated[str, typer.Argument(metavar="SEVERITY")]) -> Report:
    """Find one thing, or leave one thing undecided."""
    if severity == "unknown":
        doubt = Unknown(rule="some-rule", reason="no rights", decide="GRANT pg_monitor TO app;")
        return Report(command=call.command, data=None, unknowns=(doubt,), judged=True)
    found = Finding(
        rule="some-rule",
        severity=Severity[severity.upper()],
        title="something is wrong",
        certainty=Certainty.MEASURED,
    )
    return Report(command=call.command, data=None, findings=(found,), judged=True)


def fail(call: Call, kind: str) -> None:
    """Fail with an error of the tree."""
    raise ERRORS[kind]("it went wrong", detail="line one\nline two", hint="Try again.")


def leave(call: Call, how: str) -> None:
    """End the process as careless code of a project may."""
    raise SystemExit(0 if how == "well" else how)


def raw(call: Call) -> None:
    """Say things with control characters in them."""
    call.progress.step("step \x1b[31m")
    call.progress.note("note \x1b[31m")
    raise OperationError("name \x1b[31m", detail="at env.py, line 70: \x1b[2J", hint="\x9b1m")


def crash(call: Call, text: str) -> None:
    """Fail as a bug does."""
    raise RuntimeError(text)


def broken_pipe(call: Call) -> None:
    """Lose a connection that is not stdout."""
    raise BrokenPipeError(32, "Broken pipe")


def wait(call: Call) -> None:
    """Wait to be interrupted."""
    call.progress.note("waiting")
    time.sleep(60)


def rows(call: Call, count: int) -> Report:
    """Print a table that is longer than a pipe holds."""
    table = Table((Column("number", "right"),), tuple((str(n),) for n in range(count)))
    return Report(command=call.command, data=count, sections=(table,))


def stream(call: Call) -> None:
    """Print reports until nobody reads them."""
    while True:
        call.emit(Report(command=call.command, data=None, sections=(Text("tick"),)))


def progress(call: Call) -> Report:
    """Show how far it is."""
    call.progress.step("Loading")
    for done in (1, 2):
        call.progress.advance(done, 2, "tables")
    call.progress.note("the second one was empty")
    return Report(command=call.command, data=None, headline="Loaded 2 tables: é表")


def question(call: Call) -> Report:
    """Ask both kinds of questions."""
    agreed = call.ask.confirm('"shop" may be production: no setting marks it.\nDrop it?')
    typed = call.ask.type_name("Type the name of the database", "shop")
    return Report(command=call.command, data=None, headline=f"agreed {agreed}, typed {typed}")


if __name__ == "__main__":
    sys.modules["dbtool.cli.sample"] = sys.modules["__main__"]
    program.FAMILIES["sample"] = COMMANDS
    main()
