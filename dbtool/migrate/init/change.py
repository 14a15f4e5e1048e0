"""A file to write: what is there, what will be, and how it gets onto the disk."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbtool import files
from dbtool.errors import OperationError, UsageError
from dbtool.interrupts import uninterrupted


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after; `before` is None where there is none yet."""

    path: str
    before: str | None = field(repr=False, metadata={"json": False})
    after: str = field(repr=False, metadata={"json": False})

    @property
    def creates(self) -> bool:
        """Whether the file is new."""
        return self.before is None

    def diff(self) -> str:
        """The change as a unified diff."""
        old = "/dev/null" if self.before is None else f"a/{self.path}"
        lines = difflib.unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(), old, f"b/{self.path}", "", ""
        )
        return "\n".join(line.rstrip("\r\n") for line in lines)


def read(path: Path) -> str | None:
    """The text of a file with its own line ends; None where there is no file."""
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f'"{path}" is not UTF-8', detail=str(error)) from error


def write(
    root: Path,
    changes: Sequence[Change],
    directories: Sequence[str] = (),
    command: str = "dbtool init",
) -> None:
    """Write the files, each as a whole, after making sure that none changed meanwhile.

    An interrupt waits until all of them are there.
    """
    for change in changes:
        if read(root / change.path) != change.before:
            raise OperationError(
                f'"{change.path}" changed since it was read',
                detail="Nothing was written.",
                hint=f"Run {command} again.",
            )
    done: list[str] = []
    at = ""
    try:
        with uninterrupted():
            for change in changes:
                at = change.path
                _write(root / change.path, change.after)
                done.append(change.path)
            for name in directories:
                at = name
                (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        written = f"Written so far: {', '.join(done)}." if done else "Nothing was written."
        raise OperationError(
            f'cannot write "{at}"', detail=f"{error.strerror or error}. {written}"
        ) from error


def _write(path: Path, text: str) -> None:
    path.resolve().parent.mkdir(parents=True, exist_ok=True)
    files.write(path, text.encode("utf-8"))
