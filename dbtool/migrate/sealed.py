"""Keep code that only is to be read from acting on the world: servers, programs, files."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from dbtool.migrate.known import replaced
from dbtool.migrate.recorder import Unknown

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTS = {
    "subprocess.Popen": "runs another program",
    "os.system": "runs another program",
    "os.posix_spawn": "runs another program",
    "os.exec": "runs another program",
    "os.fork": "starts another process",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.rmdir": "removes a directory",
    "os.truncate": "changes a file",
    "shutil.rmtree": "removes a directory",
}


class _Seal:
    """What is closed at the moment; Python never takes an audit hook back."""

    def __init__(self) -> None:
        self.network = False
        self.everything = False
        sys.addaudithook(self._heed)

    def _heed(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.network:
            return
        if event == "socket.connect":
            if self.everything:
                raise Unknown("it talks to a server")
            raise ConnectionRefusedError("nothing may be connected to here")
        if self.everything and event in _ACTS and not _is_cache(arguments[0]):
            raise Unknown(f"it {_ACTS[event]}")
        if self.everything and event == "open" and _is_written(arguments[0], arguments[2]):
            raise Unknown("it writes a file")


def _is_cache(path: object) -> bool:
    """Whether Python itself keeps what it has compiled."""
    return isinstance(path, str | bytes | os.PathLike) and "__pycache__" in os.fsdecode(path)


def _is_written(path: object, flags: object) -> bool:
    """Whether a file is opened for more than reading."""
    if not isinstance(flags, int) or not flags & _WRITES or isinstance(path, int):
        return False
    return not _is_cache(path) and path != os.devnull


@cache
def _seal() -> _Seal:
    return _Seal()


@contextmanager
def no_network() -> Iterator[None]:
    """Let Python's own sockets connect to nothing."""
    seal = _seal()
    seal.network = True
    try:
        yield
    finally:
        seal.network = False


@contextmanager
def nothing_done() -> Iterator[None]:
    """Inside `no_network`, let nothing else be done either: the attempt ends a revision.

    Whoever only reads need not wait where a revision does.
    """
    seal = _seal()
    seal.everything = True
    try:
        with replaced(time, {"sleep": lambda _: None}):
            yield
    finally:
        seal.everything = False


def is_sealed() -> bool:
    """Whether a revision is at work."""
    return _seal().everything
