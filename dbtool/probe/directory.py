"""Where the sockets of probes are: written by applications, read by `dbtool pool attach`."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NAME = "dbtool"


def own_directory() -> Path:
    """The directory for this user's sockets, made where it is missing."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return private(Path(runtime) / _NAME)
    return private(Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}")


def private(directory: Path) -> Path:
    """Make the directory; refuse one that somebody else owns or may write to."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory} is not a directory of this user alone")
    return directory


def sockets() -> Iterator[Path]:
    """Every socket this user may find; root finds those of all users."""
    seen: set[Path] = set()
    for directory in _directories():
        try:
            found = sorted(directory.glob("*.sock"))
        except OSError:
            continue
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path


def _directories() -> Iterator[Path]:
    user = "*" if os.getuid() == 0 else str(os.getuid())
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / _NAME
    yield from Path("/run/user").glob(f"{user}/{_NAME}")
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp")):
        yield from Path(parent).glob(f"{_NAME}-{user}")


def pid_of(path: Path) -> int | None:
    """The process a socket is named after: `123.sock`, and `123-2.sock` for its second pool."""
    digits = path.name.removesuffix(".sock").partition("-")[0]
    return int(digits) if digits.isdecimal() else None
