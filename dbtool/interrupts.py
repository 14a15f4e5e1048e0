"""Lets Ctrl-C wait while something begins that nobody could end yet."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command from outside."""

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interrupt wait for the end of the block: what is half begun is nobody's to end.

    A termination and a hang-up wait too where they have a handler: in the background, where
    Ctrl-C is ignored, it is theirs alone. A signal that the main thread blocks would reach its
    handler by any other thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    over = False

    def behind(handler: _Handler) -> _Handler:
        # One that an exception leaves installed hides nothing.
        return lambda number, frame: handler(number, frame) if over else came.append(number)

    with ExitStack() as ending:
        ending.callback(_hear, came)
        for number in SIGNALS:
            if callable(handler := signal.getsignal(number)):
                ending.callback(signal.signal, number, handler)
                signal.signal(number, behind(handler))
        try:
            yield
        finally:
            over = True


def _hear(came: list[int]) -> None:
    """Answer what came first, by a handler that is in force again."""
    if came and callable(handler := signal.getsignal(came[0])):
        handler(came[0], None)
