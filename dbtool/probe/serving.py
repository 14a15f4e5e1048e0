"""A Unix socket on which one daemon thread answers questions about the pool, in HTTP."""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from dbtool.probe.directory import own_directory, pid_of, private

Answer = Callable[[str], tuple[str, str] | None]
"""From a path to a content type and a text, or None where nothing is there."""

_PATIENCE = 1.0
_LONGEST_REQUEST = 4096


class Listener:
    """Answers until it is closed; nothing a client does reaches the application."""

    def __init__(self, answer: Answer, directory: Path | None = None) -> None:
        self._answer = answer
        self._pid = os.getpid()
        place = private(directory) if directory else own_directory()
        _sweep(place)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path = self._bind(place)
            self.path.chmod(0o600)
            self._socket.listen(8)
            threading.Thread(target=self._serve, name="dbtool.probe", daemon=True).start()
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Stop answering; a forked child only lets go of what is its parent's."""
        if os.getpid() == self._pid:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self.path.unlink(missing_ok=True)
        self._socket.close()

    def _bind(self, place: Path) -> Path:
        for number in count(1):
            suffix = f"-{number}" if number > 1 else ""
            path = place / f"{self._pid}{suffix}.sock"
            if _gone(path):
                path.unlink(missing_ok=True)
            try:
                self._socket.bind(str(path))
            except OSError:
                if path.exists():
                    continue
                raise
            return path
        raise AssertionError

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            # Whatever goes wrong with one client must not end the thread for the next one.
            with suppress(Exception), client:
                client.settimeout(_PATIENCE)
                client.sendall(self._respond(client.recv(_LONGEST_REQUEST)))

    def _respond(self, request: bytes) -> bytes:
        words = request.decode("latin-1").split()
        found = self._answer(words[1]) if len(words) > 1 and words[0] == "GET" else None
        status = "200 OK" if found else "404 Not Found"
        kind, text = found or ("text/plain", "ask for /snapshot or /metrics\n")
        body = text.encode()
        head = f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


def _sweep(directory: Path) -> None:
    """Remove what processes left that were killed."""
    for path in directory.glob("*.sock"):
        pid = pid_of(path)
        if pid is not None and not _lives(pid) and _gone(path):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _gone(path: Path) -> bool:
    """Whether nobody listens on a socket that is there; another container's process may."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
