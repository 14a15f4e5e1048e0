"""Signals that end the program while a team's code runs: cancel on the server at once.

The main thread may be deep inside a C driver, or waiting for env.py's own worker thread. The
interpreter's signal handler writes to a socket at once in any case, and a thread reads it.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from dbtool.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.2


class Interruption:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def __bool__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Remember that the user asked to stop."""
        self._asked.set()

    def wait(self, seconds: float) -> None:
        """Sleep, in whatever thread; raises Interrupted as soon as the user asks to stop."""
        if self._asked.wait(seconds):
            raise Interrupted("interrupted")


@contextmanager
def cancelling(cancel: Callable[[], None]) -> Iterator[Interruption]:
    """Call `cancel` again and again from the first signal until the block ends.

    Once is not enough: a worker thread that loses one statement may begin the next.
    """
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    ended = threading.Event()
    thread = threading.Thread(target=_wait, args=(reading, cancel, asked, ended), daemon=True)
    previous = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        signal.set_wakeup_fd(previous)
        writing.close()
        thread.join()
        reading.close()


def _wait(
    reading: socket.socket,
    cancel: Callable[[], None],
    asked: Interruption,
    ended: threading.Event,
) -> None:
    while received := reading.recv(64):
        if not any(number in received for number in _SIGNALS):
            continue
        asked.ask()
        while not ended.is_set():
            with suppress(Exception):
                cancel()
            ended.wait(_AGAIN)
