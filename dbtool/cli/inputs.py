"""Files a command reads, or stdin in their place."""

import sys
from pathlib import Path

from dbtool.errors import UsageError

STDIN = Path("-")


def name_of(path: Path) -> str:
    """The file as messages call it."""
    return "stdin" if path == STDIN else f'"{path}"'


def read(path: Path) -> str:
    """The text of a file, or of stdin unless a person would have to type it."""
    if path == STDIN and sys.stdin.isatty():
        raise UsageError(
            "there is no statement to explain",
            hint='Give one as an argument, with -f FILE, or on stdin: dbtool explain "SELECT …"',
        )
    try:
        content = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name_of(path)} is not UTF-8", detail=str(error)) from error
