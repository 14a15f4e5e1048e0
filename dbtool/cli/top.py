"""`dbtool top`: which statements and waits cost a server the most right now."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.durations import seconds
from dbtool.cli.literals import ShowLiterals
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.place import led
from dbtool.cli.rescue import asked
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report

LEAST, LONGEST = 0.5, 600.0
MOST_SHOWN = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(top)


def top(
    call: Call,
    window: Annotated[
        float,
        typer.Option(
            "--window", metavar="DURATION", parser=seconds, help="How long to watch (5s)."
        ),
    ] = 5.0,
    by: Annotated[
        Literal["time", "calls", "mean", "rows", "reads", "temp", "wal", "plan"],
        typer.Option("--by", help="What to sort by."),
    ] = "time",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="How many statements to show.")
    ] = 10,
    ash: Annotated[
        bool,
        typer.Option("--ash", help="Only what sessions are at work on: ten looks, half a second."),
    ] = False,
    show_literals: ShowLiterals = False,
) -> "Report":
    """Show which statements and waits cost the most within a few seconds.

    What ended in the window, from two looks at pg_stat_statements (not since its counters were
    last reset); and what sessions were at work on meanwhile, by wait, application and
    statement. Reads only, and takes no lock on any table.
    """
    from dbtool.health.top import Wish, read
    from dbtool.health.view_top import top_report

    if not LEAST <= window <= LONGEST:
        raise UsageError(f"--window takes {LEAST:g}s to {LONGEST / 60:g}min")
    if not 1 <= limit <= MOST_SHOWN:
        raise UsageError(f"--limit takes 1 to {MOST_SHOWN}")
    if not ash:
        call.progress.step(f"watching for {window:g} s")
    wish = Wish(window, by, limit, profile=ash, literals=show_literals)
    return led(call, top_report(asked(call, lambda target: read(target, wish))))
