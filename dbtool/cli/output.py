"""The only place that writes to stdout and stderr, asks a person, or ends the process."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dbtool.cli.options import Format, Options
from dbtool.errors import BUG_EXIT, DbtoolError, UsageError
from dbtool.report import Report, error_envelope


def chosen_format(options: Options) -> Format:
    """The format in force; `--json` is short for `--format json`."""
    return Format.JSON if options.json else options.format or Format.TERMINAL


def render(report: Report, options: Options) -> str:
    """The report as text in the format in force."""
    match chosen_format(options):
        case Format.JSON:
            from dbtool.render.json import render as as_json

            return as_json(report)
        case Format.MARKDOWN:
            from dbtool.render.markdown import render as as_markdown

            return as_markdown(report)
        case Format.GITHUB:
            from dbtool.render.github import render as as_github

            return as_github(report)
        case Format.TERMINAL:
            return _for_terminal(report, options)


def _for_terminal(report: Report, options: Options) -> str:
    from dbtool.render.terminal import render as as_terminal

    text = as_terminal(report, width=_width(), color=options.output is None and wants_color())
    if options.output is None and os.environ.get("GITHUB_ACTIONS") == "true":
        from dbtool.render.github import render as as_github

        text += as_github(report)
    return text


def _width() -> int:
    if columns := os.environ.get("COLUMNS", ""):
        return int(columns) if columns.isdigit() else 80
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def wants_color(stream: int = 1) -> bool:
    """Colour is for terminals, and NO_COLOR and TERM=dumb switch it off."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or os.isatty(stream)


def write(text: str, path: Path | None) -> None:
    """Write a rendered report to a file, or to stdout."""
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f'cannot write "{path}"',
            detail=error.strerror or str(error),
            hint="Name a file in a directory you may write to.",
        ) from error


def show_error(error: DbtoolError) -> None:
    """Print an error on stderr as PostgreSQL words them."""
    lines = [("error", error.message), ("detail", error.detail), ("hint", error.hint)]
    color = wants_color(2)
    for label, text in lines:
        if text:
            head = f"\x1b[1;31m{label}:\x1b[0m" if color and label == "error" else f"{label}:"
            body = text.replace("\n", "\n" + " " * (len(label) + 2))
            print(f"{head} {body}", file=sys.stderr)


def fail(command: str, error: DbtoolError, options: Options) -> int:
    """Report a failure in the format in force; returns its exit code."""
    if chosen_format(options) is Format.JSON:
        from dbtool.render.json import dumps

        write(dumps(error_envelope(command, error)), options.output)
    show_error(error)
    return error.exit


def fail_as_bug(argv: Sequence[str]) -> int:
    """Print what a bug report needs; call it while handling the exception."""
    import platform
    import traceback
    from importlib.metadata import version

    parts = ("dbtool-pg", "sqlalchemy", "alembic", "asyncpg", "typer")
    print("error: this is a bug of dbtool; please report what follows", file=sys.stderr)
    print("  " + ", ".join(f"{part} {version(part)}" for part in parts), file=sys.stderr)
    print(f"  Python {platform.python_version()}, {platform.platform()}", file=sys.stderr)
    print(f"  command: {argv[0] if argv else ''}", file=sys.stderr)
    traceback.print_exc()
    return BUG_EXIT


def leave(code: int) -> NoReturn:
    """End the process; a reader that went away is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
    sys.exit(code)


def quiet_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TerminalProgress:
    """Progress as plain lines on stderr; one line is redrawn where stderr is a terminal."""

    def __init__(self) -> None:
        self._live = os.isatty(2)
        self._stage = ""

    def step(self, text: str) -> None:
        """Begin a stage that may take a while."""
        self._stage = text
        print(text, file=sys.stderr, flush=True)

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far the current stage is; only where it can be redrawn in place."""
        if not self._live:
            return
        share = f" of {total:,.0f} ({done / total:.0%})" if total else ""
        end = "\n" if total and done >= total else "\r"
        print(f"  {done:,.0f}{share} {unit}\x1b[K", end=end, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Say something worth knowing that is neither a result nor an error."""
        print(f"note: {text}", file=sys.stderr, flush=True)


class TerminalAsk:
    """Questions on the terminal; refused where nobody could answer them."""

    def confirm(self, question: str) -> bool:
        """A yes or no question; the default is no."""
        return self._read(f"{question} [y/N] ", "--yes").lower() in ("y", "yes")

    def type_name(self, question: str, name: str) -> bool:
        """Whether the person typed exactly `name`."""
        return self._read(f"{question}: ", f"--confirm-database {name}") == name

    def _read(self, prompt: str, flag: str) -> str:
        if not (os.isatty(0) and os.isatty(2)):
            raise UsageError(
                "this needs a yes, and nobody is there to ask",
                detail=prompt.strip(),
                hint=f"Run it at a terminal, or give {flag}.",
            )
        print(prompt, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()
