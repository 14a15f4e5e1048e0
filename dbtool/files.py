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

    One that only its text may change of is written in place: a device, one with several names
    or of another owner, or in a directory that takes no new file.
    """
    target = path.resolve()
    with uninterrupted():
        try:
            if _stays(target):
                target.write_bytes(data)
            else:
                _replace(target, data)
        except OSError as error:
            error.filename, error.filename2 = str(path), None
            raise


def _stays(target: Path) -> bool:
    if not target.exists():
        return False
    there = target.stat()
    ours = (there.st_uid, there.st_gid) == (os.geteuid(), os.getegid())
    one = stat.S_ISREG(there.st_mode) and there.st_nlink == 1
    return not (one and ours and os.access(target.parent, os.W_OK))


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
