"""Files that are written whole or not at all, and directories that go again, whatever comes."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbtool.interrupts import uninterrupted


def write(path: Path, data: bytes) -> None:
    """Replace a file as a whole: a full disk or an interrupt leaves the old one as it was."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with uninterrupted():
        try:
            temporary.write_bytes(data)
            if target.exists():
                temporary.chmod(target.stat().st_mode)
            temporary.replace(target)
        except OSError as error:
            error.filename = str(path)
            raise
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
