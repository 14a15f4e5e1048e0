"""A command that runs while its test goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO


class Background:
    """A fork of the warm process, in hand like a `subprocess.Popen`."""

    def __init__(self, pid: int, pipes: tuple[TextIO, TextIO], ended: Callable[[], str]) -> None:
        self.pid = pid
        self.stdout, self.stderr = pipes
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        if self.returncode is None and (code := self._ended()):
            self.returncode = int(code)
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        """Its exit code, when it ends in time."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """What it has yet to say on stdout and stderr; one that goes on for too long is killed."""
        with ThreadPoolExecutor(2) as readers:
            said = [readers.submit(pipe.read) for pipe in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
                raise
        return said[0].result(), said[1].result()

    def close(self) -> None:
        """Let go of it; it does not go on."""
        self.send_signal(signal.SIGKILL)
        self.wait()
        self.stdout.close()
        self.stderr.close()
