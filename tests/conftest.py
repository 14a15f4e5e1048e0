"""Real servers and databases, and the program as a user runs it."""

import gc
import itertools
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.scratch import workspace
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import Server, throwaway
from tests.processes import absent
from tests.projects.clusters import STORE, copy_data_directories
from tests.projects.runner import Runner, warm

if TYPE_CHECKING:
    from dbtool.database.sync import SyncConnection

ROOT = Path(__file__).resolve().parent.parent
MAJOR = int(os.environ.get("DBTOOL_TEST_PG", "18"))
_INSTALLED = Path(sys.executable).parent
_KEPT = ("PATH", "LANG", "TMPDIR", "DBTOOL_PG_BIN", "LD_LIBRARY_PATH")
_TIME_LIMIT = 300.0
_TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 8 << 30
_READ_AT_START = ("PYTHON", "LC_", "LANG")
_numbers = itertools.count(1)
# The same examples each time, as fast or slow as the machine is; search for others by
# --hypothesis-profile=default.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Give all processes of the tests one place, in memory where there is room."""
    if hasattr(config, "workerinput"):
        return
    with suppress(OSError):
        if "TMPDIR" not in os.environ and shutil.disk_usage(_MEMORY).free >= _MEMORY_NEEDED:
            directory = _directory(config, "dbtool-tests-", _MEMORY)
            # Accounts that run servers for root must pass.
            directory.chmod(0o1777)
            os.environ["TMPDIR"] = tempfile.tempdir = str(directory)
    os.environ[STORE] = str(_directory(config, "dbtool-clusters-"))


def _directory(config: pytest.Config, prefix: str, place: Path | None = None) -> Path:
    made = tempfile.mkdtemp(prefix=prefix, dir=place)
    config.add_cleanup(lambda: shutil.rmtree(made, ignore_errors=True))
    return Path(made)


def pytest_sessionstart() -> None:
    """Commands end on Ctrl-C and hang-ups also where the tests were started to outlive them."""
    usual = ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL))
    for number, handler in usual:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect as many at a time as there are processors: the others find everything compiled.

    Nothing is garbage before the tests run, nor to be looked through while they do.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    turn = Path(os.environ[STORE]) / f"collecting-{int(worker) % (os.cpu_count() or 1)}"
    gc.disable()
    try:
        with turn.open("w") as file:
            flock(file, LOCK_EX)
            return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_report_header() -> str:
    """Name the server the tests run on."""
    try:
        binaries = find_binaries(MAJOR)
    except DbtoolError as error:
        raise pytest.UsageError(f"{error.message}\n{error.detail}\n{error.hint}") from error
    asked = subprocess.run(
        [binaries.path("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return f"server: {asked.stdout.strip()} ({binaries.source}: {binaries.directory})"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `pg` mark does not fit the server."""
    for mark in item.iter_markers("pg"):
        if not _fits(mark.args[0]):
            pytest.skip(f"needs PostgreSQL {mark.args[0]}, this is {MAJOR}")


def _fits(spec: str) -> bool:
    compare = {
        ">=": MAJOR.__ge__,
        "<=": MAJOR.__le__,
        "==": MAJOR.__eq__,
        "!=": MAJOR.__ne__,
        ">": MAJOR.__gt__,
        "<": MAJOR.__lt__,
    }
    for condition in spec.split(","):
        parsed = re.fullmatch(r"\s*(>=|<=|==|!=|>|<)\s*(\d+)\s*", condition)
        if parsed is None:
            raise pytest.UsageError(f"pg mark {spec!r}: write it as '>=16' or '>=15,<18'")
        if not compare[parsed[1]](int(parsed[2])):
            return False
    return True


@pytest.fixture(scope="session", autouse=True)
def _copied_clusters() -> None:
    """Let the tests' own servers begin with a copy of one data directory."""
    copy_data_directories()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server all tests of this process share; no autovacuum comes to them unasked."""
    with throwaway(MAJOR, settings={"autovacuum_naptime": "1d"}) as running:
        yield running


@pytest.fixture(autouse=True)
def _import_path_stays() -> Iterator[None]:
    """Take projects that a test made off the import path: the next would find their packages."""
    before = sys.path[:]
    yield
    sys.path[:] = before


@pytest.fixture
def database(server: Server) -> Iterator[Target]:
    """A fresh, empty database."""
    yield from _fresh(server, template=None)


@pytest.fixture(scope="session")
def migrated_template(server: Server) -> str:
    """The name of a database with the example history applied; it is only cloned."""
    target = server.create_database("migrated")
    ran = subprocess.run(
        [_INSTALLED / "alembic", "upgrade", "head"],
        cwd=ROOT,
        env=_environment({"DATABASE_URL": target.sqlalchemy_url()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return target.database


@pytest.fixture
def migrated(server: Server, migrated_template: str) -> Iterator[Target]:
    """A database of one's own with the example history applied."""
    yield from _fresh(server, template=migrated_template)


def _fresh(server: Server, template: str | None) -> Iterator[Target]:
    name = f"test_{next(_numbers)}"
    yield server.create_database(name, template)
    server.drop_database(name)


@pytest.fixture(scope="session", autouse=True)
def _nothing_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away what root's servers kept outside of temporary projects out of their reach."""
    yield
    base = tmp_path_factory.getbasetemp()
    for note in workspace.OUTSIDE.glob("*.json"):
        if Path(json.loads(note.read_text())["link"]).is_relative_to(base):
            shutil.rmtree(note.with_suffix(""), ignore_errors=True)
            note.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def git_installed() -> None:
    """Skip a test of repositories where git is not installed."""
    if shutil.which("git") is None:
        absent("git", "apt install git")


@pytest.fixture
def connection(database: Target) -> Iterator["SyncConnection"]:
    """A connection to `database`."""
    from dbtool.database.sync import SyncConnection

    with SyncConnection(database) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended; on a terminal everything it showed is in `out`."""

    code: int
    out: str
    err: str


Dbtool = Callable[..., Ran]


@pytest.fixture(scope="session")
def runner() -> Runner:
    """The warm process whose forks are the commands of this process' tests."""
    return warm()


@pytest.fixture
def dbtool(tmp_path: Path, runner: Runner) -> Dbtool:
    """Run the command with a clean environment: no DATABASE_URL, an empty home.

    `tty=True` gives it a terminal of 80 columns, on which `stdin` is typed. It runs in a fork
    of the warm process, unless that is busy or its environment says what Python reads at its
    start; then the installed program runs.
    """
    home = tmp_path / "home"

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        tty: bool = False,
    ) -> Ran:
        home.mkdir(exist_ok=True)
        command = [str(_INSTALLED / "dbtool"), *map(str, arguments)]
        clean = _environment({"HOME": str(home), **(env or {})})
        place = cwd or tmp_path
        cold = any(name.startswith(_READ_AT_START) for name in env or {})
        if cold or not runner.turn.acquire(blocking=False):
            if tty:
                return _at_terminal(partial(_cold, command, place, _TERMINAL | clean), stdin)
            return _piped(command, place, clean, stdin)
        try:
            if tty:
                words = ("dbtool", *command[1:])
                warm = partial(runner.at_terminal, cwd=place, env=_TERMINAL | clean)
                return _at_terminal(lambda end: warm(os.ttyname(end), *words), stdin)
            ran = runner("dbtool", *command[1:], cwd=place, env=clean, stdin=stdin or "")
        finally:
            runner.turn.release()
        return Ran(ran.code, ran.out, ran.err)

    return run


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(extra)


def _piped(command: list[str], cwd: Path, env: dict[str, str], stdin: str | None) -> Ran:
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def _cold(command: list[str], cwd: Path, env: dict[str, str], terminal: int) -> int:
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        timeout=_TIME_LIMIT,
        check=False,
    ).returncode


def _at_terminal(run: Callable[[int], int], stdin: str | None) -> Ran:
    """Type at a terminal and read it, as long as what runs there takes."""
    ours, theirs = pty.openpty()
    ended = threading.Event()
    try:
        with ThreadPoolExecutor(1) as reader:
            shown = reader.submit(_read_terminal, ours, ended)
            try:
                os.write(ours, (stdin or "").encode())
                code = run(theirs)
            finally:
                os.close(theirs)
                ended.set()
    finally:
        os.close(ours)
    return Ran(code, shown.result().replace("\r\n", "\n"), "")


def _read_terminal(ours: int, ended: threading.Event) -> str:
    shown = b""
    while True:
        # Whoever outlives the command may keep the terminal open. Asked before the look: what
        # is shown between a look and the end would be lost.
        over = ended.is_set()
        if not select.select([ours], [], [], 0.1)[0]:
            if over:
                break
            continue
        try:
            shown += os.read(ours, 65536)
        except OSError:
            break
    return shown.decode(errors="replace")
