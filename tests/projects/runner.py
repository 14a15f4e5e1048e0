"""Runs `alembic` and `dbtool` as a user would, one after the other, quickly."""

import atexit
import functools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path


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
            code = self._answer(self._job(program, argv, cwd, env) | files)
            return Ran(" ".join((program, *argv)), code, out.read_text(), err.read_text())

    def at_terminal(
        self, terminal: str, program: str, *argv: str, cwd: Path, env: Mapping[str, str]
    ) -> int:
        """Run one command to its end on a terminal; return its exit code."""
        with self.turn:
            files = dict.fromkeys(("in", "out", "err"), terminal)
            return self._answer(self._job(program, argv, cwd, env) | files)

    def _job(
        self, program: str, argv: tuple[str, ...], cwd: Path, env: Mapping[str, str] | None
    ) -> dict[str, object]:
        variables = self._environment | dict(env or {})
        return {"program": program, "argv": argv, "cwd": str(cwd), "env": variables}

    def _answer(self, job: Mapping[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


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
