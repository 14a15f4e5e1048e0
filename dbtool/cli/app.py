"""The way in and the way out: signals, one boundary around everything, one exit code."""

import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

    from dbtool.cli.output import Format

_COMPLETING = "_DBTOOL_COMPLETE"
"""The variable by which a shell asks what a line may go on with."""

_INTERRUPTED = 130
_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    A short process ends before collecting garbage pays, and collecting while importing
    is a fifth of start-up; therefore the imports stand inside, behind `gc.disable()`, and
    the collection at the very end finds nothing to look at.
    """
    gc.disable()
    try:
        code = _begin()
    except KeyboardInterrupt:  # before anything was begun, or a second one while it winds up
        code = _INTERRUPTED
    from dbtool.cli import output

    gc.freeze()
    output.leave(code)


def _begin() -> int:
    from dbtool.cli import output

    output.prepare_streams()
    _interrupt_on_signals()
    return _run(sys.argv[1:])


def _run(argv: list[str]) -> int:
    from dbtool.cli import output
    from dbtool.errors import DbtoolError, Interrupted

    try:
        return _dispatch(argv)
    except output.ReaderGone:
        return 0
    except SystemExit as end:  # typer ends the process itself after completion
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        from dbtool.cli import failing

        return failing.fail("", Interrupted("interrupted"), _wanted(argv))
    except Exception as error:
        if _COMPLETING in os.environ:  # whoever presses Tab is in the middle of a line
            return 1
        from dbtool.cli import failing

        error = failing.without_directory(error) or error
        if isinstance(error, DbtoolError):
            return failing.fail("", error, _wanted(argv))
        return failing.fail_as_bug("", error, _wanted(argv))


def _dispatch(argv: list[str]) -> int:
    """Hand the words to typer; without any, show the help and fail as a command line should."""
    from dbtool.cli import output, usage
    from dbtool.cli.program import program

    flags = ["--show-completion"], ["--install-completion"]
    if argv[:1] in flags and len(argv) > 1 and not argv[1].startswith("-"):
        os.environ[_COMPLETING] = _script_of(argv)
    if _COMPLETING in os.environ:
        # Typer loads rich to print descriptions that are plain text; None says it is not there.
        sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        code = program()(argv or ["--help"], prog_name="dbtool", standalone_mode=False)
    except usage.CommandLineError as error:
        if (help_text := usage.help_instead(error)) is not None:
            output.write(help_text)
            return usage.EXIT
        from dbtool.cli import failing

        return failing.fail(usage.command_of(error), usage.explained(error), _wanted(argv))
    return int(code or 0) if argv else usage.EXIT


def _script_of(argv: list[str]) -> str:
    """What asks for the script of the shell that is named; typer looks only at the one around."""
    from dbtool.errors import UsageError

    flag, *shells = argv
    if flag != "--show-completion" or " ".join(shells) not in _SHELLS:
        raise UsageError(
            f"{flag} cannot be followed by: {' '.join(shells)}",
            hint=f"{flag} alone is for the shell it is typed in; dbtool --show-completion SHELL "
            f"prints the script of {', '.join(_SHELLS)}.",
        )
    return f"source_{shells[0]}"


def _interrupt_on_signals() -> None:
    """A terminated command winds up as one interrupted by Ctrl-C does.

    Whoever handles SIGINT by then is told: an event loop takes that over, for an exception
    inside a callback of the driver is lost.
    """
    import signal

    def interrupt(number: int, frame: "FrameType | None") -> None:
        handler = signal.getsignal(signal.SIGINT)
        # A shell starts what runs in the background with SIGINT ignored.
        (handler if callable(handler) else signal.default_int_handler)(number, frame)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


def _wanted(argv: list[str]) -> "Format":
    """The format as the words ask for it, where typer could not make sense of them."""
    from dbtool.cli.output import Format

    line = " ".join(argv).replace("=", " ")
    named = (each for each in Format if f"--format {each}" in line)
    return Format.JSON if "--json" in argv else next(named, Format.TERMINAL)
