"""Files that are written whole or not at all, and directories that go again, whatever comes."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbtool.interrupts import uninterrupted


def write(path: Path, data: bytes) -> None:
    """Replace a file as a whole: a full disk or an interrupt leaves the old one as it was.

    Where another may not take its place its text is written over: it has several names or
    another owner, or its directory takes no new file. A pipe or a device is written to.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        with uninterrupted():
            if _stays(target):
                _overwrite(target, data)
            else:
                _replace(target, data)
    except OSError as error:
        error.filename = str(path)
        raise


def _stays(target: Path) -> bool:
    if not target.exists():
        return False
    there, above = target.stat(), target.parent.stat()
    group = above.st_gid if above.st_mode & stat.S_ISGID else os.getegid()
    ours = (there.st_uid, there.st_gid) == (os.geteuid(), group)
    return there.st_nlink > 1 or not ours or not os.access(target.parent, os.W_OK)


def _overwrite(target: Path, data: bytes) -> None:
    """Write over the old text, whose room is still its own should there be none for the new."""
    before = target.read_bytes()
    try:
        with target.open("r+b") as file:
            file.write(data)
            file.truncate()
    except OSError:
        with target.open("r+b") as file:
            file.write(before)
            file.truncate()
        raise


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{os.urandom(6).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.write(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def replace_directory(directory: Path, by: Path) -> None:
    """Let another directory take its place and its name; no interrupt leaves a part of either."""
    with uninterrupted():
        if directory.exists():
            shutil.rmtree(directory)
        by.rename(directory)


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory for as long as the block lasts; it goes whole, also where that is interrupted."""
    from tempfile import TemporaryDirectory

    with uninterrupted():
        made = TemporaryDirectory(prefix=prefix)
    try:
        yield Path(made.name)
    finally:
        with uninterrupted():
            made.cleanup()
