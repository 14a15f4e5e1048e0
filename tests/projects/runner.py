"""Runs `alembic` and `dbtool` as a user would, one after the other, quickly."""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.projects.background import Background

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    command: str
    code: int
    out: str
    err: str


class Runner:
    """Starts commands through the warm process of `zygote`."""

    def __init__(self, process: "subprocess.Popen[str]", scratch: Path) -> None:
        self._process = process
        self._scratch = scratch
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(scratch),
            "TMPDIR": tempfile.gettempdir(),
        }
        self.turn = threading.RLock()
        """Held while a command runs: it runs one at a time."""

    def __call__(
        self,
        program: str,
        *argv: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> Ran:
        """Run one command to its end."""
        given, out, err = (self._scratch / name for name in ("in", "out", "err"))
        with self.turn:
            given.write_text(stdin)
            files = {"in": str(given), "out": str(out), "err": str(err)}
            code = int(self._answer(self._job(program, argv, cwd, env) | files))
            return Ran(" ".join((program, *argv)), code, out.read_text(), err.read_text())

    def at_terminal(
        self, terminal: str, program: str, *argv: str, cwd: Path, env: Mapping[str, str]
    ) -> int:
        """Run one command to its end on a terminal; return its exit code."""
        with self.turn:
            files = dict.fromkeys(("in", "out", "err"), terminal)
            return int(self._answer(self._job(program, argv, cwd, env) | files))

    def begin(self, program: str, *argv: str, cwd: Path, env: Mapping[str, str]) -> Background:
        """Begin one command, which then runs beside others."""
        out, err = (self._scratch / f"{name}{next(_numbers)}" for name in ("out", "err"))
        os.mkfifo(out)
        os.mkfifo(err)
        files = {"in": os.devnull, "out": str(out), "err": str(err), "background": True}
        with self.turn:
            pid = int(self._answer(self._job(program, argv, cwd, env) | files))
        # Each waits until the command has opened the other end, in the order in which it does.
        pipes = (out.open(encoding="utf-8"), err.open(encoding="utf-8"))
        return Background(pid, pipes, functools.partial(self._ended, pid))

    def _ended(self, pid: int) -> str:
        with self.turn:
            return self._answer({"process": pid})

    def _job(
        self, program: str, argv: tuple[str, ...], cwd: Path, env: Mapping[str, str] | None
    ) -> dict[str, object]:
        variables = self._environment | dict(env or {})
        return {"program": program, "argv": argv, "cwd": str(cwd), "env": variables}

    def _answer(self, job: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@functools.cache
def warm() -> Runner:
    """The one runner of this process, until the tests end."""
    ends = ExitStack()
    atexit.register(ends.close)
    scratch = ends.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    return ends.enter_context(_running(Path(scratch)))


@contextmanager
def _running(scratch: Path) -> Iterator[Runner]:
    zygote = Path(__file__).with_name("zygote.py")
    with subprocess.Popen(
        [sys.executable, "-P", str(zygote)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "warm\n"
        try:
            yield Runner(process, scratch)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
