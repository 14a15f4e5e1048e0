"""How a failure is told: on stderr for people, on stdout in the format the caller asked for."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from dbtool.cli import output
from dbtool.cli.output import Format
from dbtool.errors import BUG_EXIT, ConnectError, DbtoolError, UsageError


def fail(
    command: str,
    error: DbtoolError,
    wanted: Format = Format.TERMINAL,
    path: Path | None = None,
    *,
    behind: bool = False,
) -> int:
    """Report a failure on stderr, and in the format wanted where programs read it.

    It goes `behind` the report that was written before it.
    """
    _write(command, error, wanted, path, behind=behind)
    return told(error, wanted)


def told(error: DbtoolError, wanted: Format) -> int:
    """Say on stderr what a report that is written already says of a failure."""
    _show(error)
    return _exit(error, wanted)


def fail_as_bug(
    command: str,
    error: BaseException,
    wanted: Format = Format.TERMINAL,
    path: Path | None = None,
    *,
    behind: bool = False,
) -> int:
    """Print what a bug report needs; returns the exit code of a bug."""
    from dbtool.cli import bug

    failure = DbtoolError("this is a bug of dbtool; please report what follows")
    failure.exit = BUG_EXIT
    _show(failure)
    failure.detail = bug.report(error, sys.argv[1:])
    output.say(failure.detail)
    _write(command, failure, wanted, path, behind=behind)
    return _exit(failure, wanted)


def _exit(error: DbtoolError, wanted: Format) -> int:
    """The exit code of a failure; monitoring has its own."""
    if wanted is not Format.NAGIOS:
        return error.exit
    from dbtool.render.nagios import exit_of_failure

    return exit_of_failure(error)


def trace(error: BaseException) -> None:
    """Show where in the code an error comes from, and what it came from."""
    from dbtool.cli import bug

    output.say(bug.trace(error, sys.argv[1:]))


def without_directory(error: BaseException) -> UsageError | None:
    """What a missing file means where the current directory itself has gone."""
    if isinstance(error, FileNotFoundError):
        try:
            Path.cwd()
        except FileNotFoundError:
            return UsageError(
                "the current directory does not exist any more",
                hint="Change to a directory that does: cd DIRECTORY",
            )
    return None


def ended(error: BaseException) -> ConnectError | None:
    """What it means where a connection was gone and nobody nearer to it told why."""
    from dbtool.database.ended import ended as told

    return told(error) if "asyncpg" in sys.modules else None


_TELLS_FAILURES = frozenset(
    {Format.JSON, Format.MARKDOWN, Format.GITHUB, Format.NAGIOS, Format.PROMETHEUS}
)
"""What can hold a failure; into any other file an annotation for GitHub would not fit."""


def _write(
    command: str, error: DbtoolError, wanted: Format, path: Path | None, *, behind: bool
) -> None:
    """Let programs know too; where they cannot be told, the failure itself still counts."""
    path = path if wanted in _TELLS_FAILURES else None
    with suppress(output.ReaderGone, DbtoolError):
        if text := _rendered(command, error, wanted):
            before = _written(path) if behind and wanted is not Format.JSON else ""
            output.write(f"{before}{text}", path)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if wanted is Format.GITHUB and summary:
        with suppress(OSError), open(summary, "a", encoding="utf-8") as page:
            page.write(_rendered(command, error, Format.MARKDOWN))


def _written(path: Path | None) -> str:
    """The report that stands in a file already, to go before what is wrong."""
    if path is None or not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    return f"{text}\n" if text else ""


def _rendered(command: str, error: DbtoolError, wanted: Format) -> str:
    if wanted is Format.JSON:
        from dbtool.render.json import dumps
        from dbtool.report import error_envelope

        return dumps(error_envelope(command, error))
    if wanted is Format.NAGIOS:
        from dbtool.render.nagios import failure as service_line

        return service_line(command, error)
    if wanted is Format.PROMETHEUS:
        from dbtool.render.prometheus import failure as sample

        return sample(command)
    if wanted is Format.MARKDOWN:
        from dbtool.render.markdown import failure

        return failure(command, error)
    if wanted is Format.GITHUB or os.environ.get("GITHUB_ACTIONS") == "true":
        from dbtool.render.github import failure as annotation

        return annotation(command, error, os.environ.get("GITHUB_WORKSPACE", ""))
    return ""


def _show(error: DbtoolError) -> None:
    color, columns = output.wants_color(2), output.width_of_stderr()
    for label, text in (("error", error.message), ("detail", error.detail), ("hint", error.hint)):
        if text:
            # A command to paste stays on one line.
            width = None if label == "hint" and "dbtool " in text else columns
            told = output.folded(f"{label}: ", text, width)
            if color and label == "error":
                told = told.replace("error:", "\x1b[1;31merror:\x1b[0m", 1)
            output.say(f"{told}\n")
