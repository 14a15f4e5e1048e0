"""`dbtool kill`: end one session, or only its statement."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE
from dbtool.cli.place import led, told
from dbtool.cli.rescue import asked
from dbtool.errors import DbtoolError, UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE)(kill)


def kill(
    call: Call,
    pid: Annotated[int, typer.Argument(metavar="PID", help="The session's process id.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="End only the statement that it runs.")
    ] = False,
    terminate: Annotated[bool, typer.Option("--terminate", help="End the whole session.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the session and do nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also a walsender, a vacuum that prevents wraparound, a background worker or a "
            "superuser's session.",
        ),
    ] = False,
) -> "Report":
    """End a session that is in the way: show it, ask, end exactly that one, see it gone.

    A running statement is cancelled, a session that runs nothing is terminated. Nothing is sent
    where the session has gone on to another statement since it was shown.
    """
    if cancel and terminate:
        raise UsageError("give one of --cancel and --terminate, not both")
    if pid < 1:
        raise UsageError(f"{pid} is not the id of a process")
    from functools import partial

    from dbtool.health.kill import Signal, Wish
    from dbtool.health.kill import kill as end
    from dbtool.health.view_kill import kill_report, victim_lines

    signal: Signal | None = "cancel" if cancel else "terminate" if terminate else None
    wish = Wish(pid, signal, force, dry_run)
    permission = call.permission(yes)
    ask = partial(
        end, wish=wish, permission=permission, progress=call.progress, describe=victim_lines
    )
    try:
        return led(call, kill_report(asked(call, ask)))
    except DbtoolError as error:
        error.hint = told(call, error.hint)
        raise
