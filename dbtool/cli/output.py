"""The only place that writes to stdout and stderr, asks a person, or ends the process."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from dbtool.errors import OperationError, UsageError

if TYPE_CHECKING:
    from dbtool.ports import Value

_REPORT_LOST = "What the command did is done; only its report is lost."


class Format(StrEnum):
    """How a report is written."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    JUNIT = "junit"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"
    RAW = "raw"


class ReaderGone(Exception):
    """Whoever read stdout has gone; there is nobody left to tell."""


def prepare_streams() -> None:
    """Make the three streams safe to use: closed ones lead nowhere, odd characters print as `?`."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def width() -> int | None:
    """Columns to fit a report into; None, without limit, where nobody looks at a screen."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    if not os.isatty(1):
        return None
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def height() -> int | None:
    """Lines of the screen that a report is shown on; None where nobody looks at one."""
    try:
        return os.get_terminal_size(1).lines or None
    except OSError:
        return None


def draws() -> bool:
    """Whether lines and blocks may be drawn on stdout."""
    return os.isatty(1) and (sys.stdout.encoding or "").lower().startswith("utf")


def wants_color(stream: int = 1) -> bool:
    """Colour is for terminals, and NO_COLOR and TERM=dumb switch it off."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or os.isatty(stream)


def redraw() -> None:
    """Let what is written next stand where the last report stood; nothing but a terminal does."""
    if os.isatty(1) and os.environ.get("TERM") != "dumb":
        write("\x1b[H\x1b[2J")


def write(text: str, path: Path | None = None) -> None:
    """Write a rendered report to a file, or to stdout."""
    if path is not None:
        _write_file(path, text)
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        _quiet(sys.stdout)
        raise ReaderGone from error
    except OSError as error:
        _quiet(sys.stdout)
        raise _unwritten("stdout", error) from error


@contextmanager
def reserved() -> Iterator[None]:
    """Keep stdout for the report: what a team's code and its programs print goes to stderr.

    A log handler that env.py sets up on stdout keeps writing to stderr afterwards.
    """
    stream = sys.stdout
    stream.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        with suppress(OSError):  # what sys.__stdout__ still holds was never for the report
            stream.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


def check_writable(path: Path | None) -> None:
    """Refuse a report file that cannot be written before the command does anything."""
    if path is None:
        return
    directory = path.resolve().parent
    if path.is_dir():
        reason = "It is a directory."
    elif not directory.is_dir():
        reason = f'There is no directory "{directory}".'
    elif not os.access(path if path.exists() else directory, os.W_OK):
        reason = "Permission denied."
    else:
        return
    hint = "Name a file in a directory you may write to."
    raise UsageError(f'cannot write "{path}"', detail=reason, hint=hint)


def write_schema(path: Path, text: str) -> None:
    """Write the schema of a database to a file, as a whole or not at all."""
    _write_file(path, text, "schema", "The upgrade is done; the same command writes the file.")


def _write_file(
    path: Path,
    text: str,
    what: str = "report",
    left: str = _REPORT_LOST,
) -> None:
    from dbtool import files

    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="replace")
        else:
            files.write(path, text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise _unwritten(f'"{path}"', error, what, left) from error


def _unwritten(
    name: str, error: OSError, what: str = "report", left: str = _REPORT_LOST
) -> OperationError:
    reason = error.strerror or str(error)
    return OperationError(f"cannot write the {what} to {name}", detail=f"{reason}. {left}")


def say(text: str) -> None:
    """Tell the user on stderr; a reader that went away must not stop the work."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _quiet(sys.stderr)


def leave(code: int) -> NoReturn:
    """End the process; what is still on its way to stdout is sent first."""
    try:
        sys.stdout.flush()
    except OSError:
        _quiet(sys.stdout)
    _close_report()
    sys.exit(code)


def _close_report() -> None:
    """What a team's code still prints on its way out is no part of the report."""
    if sys.stdout.mode == "w":
        with suppress(OSError):
            os.dup2(2, 1)


def _quiet(stream: TextIO) -> None:
    """Point a stream at nothing, so that the interpreter's last flush cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class TerminalProgress:
    """Progress as plain lines on stderr; one line is redrawn where stderr is a terminal.

    Off a terminal the events of a run are lines of `time command key=value …` instead.
    """

    def __init__(self, command: str = "", *, quiet: bool = False) -> None:
        self._command = command
        self._quiet = quiet
        self._live = not quiet and os.isatty(2) and os.environ.get("TERM") != "dumb"
        self._drawn = False

    def step(self, text: str) -> None:
        """Begin a stage that may take a while."""
        self.close()
        if not self._quiet:
            say(_told("", text))

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far the current stage is; only where it can be redrawn in place."""
        if not self._live:
            return
        share = f" of {total:,.0f} ({done / total * 100:.0f} %)" if total else ""
        line = _clean(f"  {done:,.0f}{share} {unit}".rstrip())
        say(f"\r{line[: (width_of_stderr() or 80) - 1]}\x1b[K")
        self._drawn = True

    def note(self, text: str) -> None:
        """Say something worth knowing that is neither a result nor an error."""
        self.close()
        if not self._quiet:
            say(_told("info: ", text))

    def log(self, event: str, fields: "Mapping[str, Value]") -> bool:
        """Write an event for a machine that reads along; False where a person has to be told."""
        if os.isatty(2):
            return False
        if not self._quiet:
            from dbtool.cli.logline import logline

            say(logline(self._command, {"event": event, **fields}))
        return True

    def close(self) -> None:
        """Take the redrawn line away: it told what was going on, and that is over."""
        if self._drawn:
            say("\r\x1b[K")
            self._drawn = False


def width_of_stderr() -> int | None:
    """Columns of the terminal behind stderr; None, without limit, where there is none."""
    if not os.isatty(2):
        return None
    try:
        return os.get_terminal_size(2).columns or 80
    except OSError:
        return 80


def folded(label: str, text: str, columns: int | None) -> str:
    """Lines of text broken between words, all but the first set in below the label."""
    from dbtool.render.words import clean, wrapped

    room, hang = columns and max(20, columns - len(label)), " " * len(label)
    lines = [each for line in clean(text).split("\n") for each in wrapped(line, room)]
    return label + f"\n{hang}".join(lines)


def _told(label: str, text: str) -> str:
    return f"{folded(label, text, width_of_stderr())}\n"


def _clean(text: str) -> str:
    from dbtool.render.words import clean

    return clean(text)


class TerminalAsk:
    """Questions on the terminal; refused where nobody could answer them."""

    def confirm(self, question: str) -> bool:
        """A yes or no question; the default is no."""
        return self._read(f"{question} [y/N] ", "a yes", "--yes").lower() in ("y", "yes")

    def type_name(self, question: str, name: str) -> bool:
        """Whether the person typed exactly `name`."""
        needed = f'the name "{name}" typed'
        return self._read(f"{question}: ", needed, f"--confirm-database {name}") == name

    def _read(self, prompt: str, needed: str, flag: str) -> str:
        if not (os.isatty(0) and os.isatty(2)):
            raise UsageError(
                f"this needs {needed}, and nobody is there to ask",
                detail=prompt.strip(),
                hint=f"Run it at a terminal, or give {flag}.",
            )
        *above, question = prompt.splitlines()
        above = [folded("", line, width_of_stderr()) for line in above]
        # The question stands apart from the plan above it and from what it rests on.
        say("\n".join(["", *above, *([""] if above else []), ""]))
        say(f"{folded('', question.rstrip(), width_of_stderr())} ")
        return sys.stdin.readline().strip()
