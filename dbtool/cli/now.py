"""`dbtool now`: what is wrong with a server at this moment, and what to do next."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.command import Call, command
from dbtool.cli.durations import seconds
from dbtool.cli.literals import ShowLiterals
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.output import Format
from dbtool.cli.place import led
from dbtool.cli.rescue import asked, remember
from dbtool.errors import ConnectError, Interrupted, LockNotObtained, OperationError, UsageError

if TYPE_CHECKING:
    from dbtool.report import Report

LEAST = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(now)


def now(
    call: Call,
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch",
            metavar="DURATION",
            parser=seconds,
            help="Look again every so often (2s) until interrupted, on one connection.",
        ),
    ] = None,
    progress: Annotated[
        bool,
        typer.Option("--progress", help="Show only what long operations are doing, and how fast."),
    ] = False,
    show_literals: ShowLiterals = False,
) -> "Report | None":
    """Say what is wrong at this moment: a verdict, at most three causes, the vital signs.

    Asks the server once, read-only, within two seconds, and takes no lock on any table. Where
    that fails it asks piece by piece, and says what could not be told. With --json --watch each
    look is one line.
    """
    from functools import partial

    from dbtool.health import now as family
    from dbtool.health.view_now import now_report, progress_report

    if watch is not None:
        if watch < LEAST:
            raise UsageError(f"--watch needs at least {LEAST:g}s")
        _watch(call, watch, progress=progress, literals=show_literals)
        return None
    if progress:
        return led(call, progress_report(asked(call, family.progress)))
    seen = asked(call, partial(family.read, literals=show_literals))
    remember(call, seen.pool)
    return led(call, now_report(seen))


def _watch(call: Call, pause: float, *, progress: bool, literals: bool) -> None:
    """Look again and again until Ctrl-C: then a file keeps the last look."""
    call.runs_long()
    try:
        while True:
            _look_on(call, pause, progress=progress, literals=literals)
    except KeyboardInterrupt as end:
        if not call.emitted or call.options.output is None:
            raise
        raise typer.Exit(Interrupted.exit) from end


def _look_on(call: Call, pause: float, *, progress: bool, literals: bool) -> None:
    """Look until the server goes away; it is waited for, for a new connection."""
    try:
        _look(call, pause, progress=progress, literals=literals)
    except (ConnectError, LockNotObtained, OperationError) as error:
        if not call.emitted:
            raise
        call.progress.note(f"{error.message}; trying again")
        time.sleep(pause)


def _look(call: Call, pause: float, *, progress: bool, literals: bool) -> None:
    from functools import partial

    from dbtool.health.now import Watch, Working
    from dbtool.health.view_now import now_report, progress_report

    with asked(call, partial(Watch, literals=literals)) as watch:
        while True:
            seen = watch.look()
            remember(call, seen.pool)
            if progress:
                _show(call, progress_report(Working.of(seen)))
            else:
                _show(call, led(call, now_report(seen)))
            time.sleep(pause)


def _show(call: Call, report: "Report") -> None:
    """One look; redrawn in place where somebody watches a screen, and cut to its height."""
    if call.options.wanted is Format.TERMINAL and call.options.output is None:
        if lines := output.height():
            report = fitting(report, lines - 1)
        output.redraw()
    call.emit(report)


def fitting(report: "Report", lines: int) -> "Report":
    """What fits of it: a screen that scrolls would lose the verdict, which stands on top."""
    from dbtool.cli.formats import for_people

    shorter = report
    for shorter in _shorter(report):
        if _tall(for_people(shorter), output.width() or 80) <= lines:
            break
    return shorter


def _tall(text: str, width: int) -> int:
    """Lines on the screen: a command that is longer than one is not broken, and takes two."""
    plain = (re.sub(r"\x1b\[[\d;]*m", "", line) for line in text.splitlines())
    return sum(max(1, -(-len(line) // width)) for line in plain)


def _shorter(report: "Report") -> Iterator["Report"]:
    """The report, then without the last of the vital signs, then without more and more."""
    from dbtool.report import Table

    yield report
    signs = [each for each in report.below if isinstance(each, Table)]
    for left in range(len(signs[0].rows) - 1 if signs else 0, 0, -1):
        yield replace(report, below=(replace(signs[0], rows=signs[0].rows[:left]),))
    yield replace(report, below=())
    told = tuple(replace(each, evidence=(), fix=None) for each in report.findings)
    yield replace(report, below=(), findings=told)
    # Nothing is counted that is not shown: the verdict alone must not end in "no findings".
    yield replace(report, below=(), findings=(), unknowns=(), notes=(), judged=False)
