"""A file to write: what is there, what will be, and how it gets onto the disk."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.errors import OperationError, UsageError


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
    """Write the files, each as a whole, after making sure that none changed meanwhile."""
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
    """Replace the file as a whole, so that a full disk leaves the old one as it was."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8"))
        if target.exists():
            temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
