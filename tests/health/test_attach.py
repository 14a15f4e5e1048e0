"""`dbtool pool attach`: real pools seen from outside their process, and what is made of them."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dbtool.database.target import Target
from dbtool.errors import ConnectError, UsageError
from dbtool.finding import Finding, Severity, judge
from dbtool.health import attach as attaching
from dbtool.health.attach import Attached, CallSite, Frame, Process, attach
from dbtool.health.view_attach import RULES, attached_report
from dbtool.probe import counting, install, serving, uninstall
from dbtool.probe.serving import Listener
from tests.conftest import Ran

Dbtool = Callable[..., Ran]
LEAK = "pool-leaks-at-call-site"
HELD = "pool-held-at-one-call-site"
WAIT = "pool-callers-wait"
NO_ANSWER = "It gave no answer, or a part of one: the process may be stopped, busy in C code, or"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is there is waited for, also while the machine stands still."""
    monkeypatch.setattr(attaching, "_PATIENCE", 30.0)
    monkeypatch.setattr(serving, "_PATIENCE", 30.0)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass for the probes: far more than a machine stands still."""
    ahead = [0.0]

    def passes(seconds: float) -> None:
        ahead[0] += seconds

    monkeypatch.setattr(counting, "monotonic", lambda: monotonic() + ahead[0])
    return passes


@pytest.fixture
def engine(database: Target) -> Iterator[Engine]:
    """A pool of three, that gives up after a second: a machine's stalls are no waits of a tenth."""
    url = database.sqlalchemy_url("psycopg")
    engine = create_engine(url, pool_size=2, max_overflow=1, pool_timeout=1)
    yield engine
    uninstall(engine)
    engine.dispose()


def take(engine: Engine) -> Any:
    """What holds the connections."""
    return engine.connect()  # here


def line_of(words: str) -> int:
    """The line of this file that ends so."""
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(words))


def test_the_line_that_uses_the_pool_up(
    dbtool: Dbtool,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    later: Callable[[float], None],
) -> None:
    """A quiet pool has no finding; one used up names the line, who waited and how long."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    install(engine, service="shop", threshold=0.0)
    here = {"XDG_RUNTIME_DIR": str(tmp_path), "COLUMNS": "200"}
    words = ("pool", "attach", str(os.getpid()))
    for _ in range(200):
        take(engine).close()
    quiet = dbtool(*words, env=here)
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out.startswith("1 pool: 0 connections in use, nobody waits\n")
    assert quiet.out.endswith("\nno findings\n")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(take(engine))
        later(1000)
        with pytest.raises(PoolTimeout):
            take(engine)
        full = dbtool(*words, env=here)
        said = json.loads(dbtool(*words, "--json", env=here).out)
    assert full.code == 1
    place = f"{__file__}:{line_of('# here')}"
    assert f"pool-held-at-one-call-site at {place}\n" in full.out
    assert (
        f"shop (pid {os.getpid()}): all 3 connections in use, 3 of them taken in take" in full.out
    )
    assert "1 caller got no connection in the last minute" in full.out
    assert f"take test_attach.py:{line_of('# here')}" in full.out
    (process,) = said["data"]["processes"]
    assert (process["used"], process["timeouts"], process["pool"]["capacity"]) == (3, 1, 3)
    assert {each["rule"] for each in said["findings"]} == {HELD, WAIT}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory with a name that is short enough for sockets."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A pool of three that nobody has used yet, as its probe tells it."""
    engine = create_engine("postgresql+psycopg://", pool_size=2, max_overflow=1)
    probe = install(engine, service="shop", socket=tmp_path)
    yield attach(None, filter(None, [probe.path])).processes[0]
    uninstall(engine)


def judged(process: Process) -> tuple[Finding, ...]:
    """What the rules make of it."""
    return judge(RULES, Attached((process,)))[0]


def site(*ages: float, returned: int = 0, usual: float = 0.0, line: int = 7) -> CallSite:
    """A line that took connections so long ago."""
    frames = (Frame("shop/users.py", line, "find"),)
    return CallSite(frames, len(ages), ages, returned, usual * returned, usual)


@pytest.mark.parametrize(
    ("place", "leaks"),
    [
        (site(30.0, 20.0, 10.0), True),
        (site(30.0, 20.0), False),
        (site(19.0, 12.0, 6.0), False),
        (site(19.0, 12.0, 6.0, returned=5, usual=1.0), True),
        (site(30.0, 20.0, 10.0, returned=5, usual=3.0), False),
        (site(30.0, 29.9, 29.8), False),
        (site(30.0, 29.9, 10.0, 9.9), False),
        (site(30.0, 20.0, 10.0, 0.1, returned=900, usual=0.01), True),
    ],
)
def test_leak_or_not(process: Process, place: CallSite, leaks: bool) -> None:
    """Taken one by one and longer out than others from there; not a burst, not slow work."""
    assert [each.rule for each in judged(replace(process, places=(place,)))] == [LEAK] * leaks


@pytest.mark.parametrize(
    ("used", "places", "pending", "severity"),
    [
        (3, (site(1.0, 1.0), site(1.0, line=9)), 0, Severity.WARNING),
        (3, (site(1.0, 1.0), site(1.0, line=9)), 2, Severity.ERROR),
        (2, (site(1.0, 1.0),), 0, None),
        (3, (site(1.0), site(1.0, line=8), site(1.0, line=9)), 2, None),
    ],
)
def test_held_at_one_place_or_not(
    process: Process,
    used: int,
    places: tuple[CallSite, ...],
    pending: int,
    severity: Severity | None,
) -> None:
    """Only a pool that is used up, and only by a line that has half of it."""
    found = judged(replace(process, used=used, places=places, pending=pending))
    assert [(each.rule, each.severity) for each in found] == (
        [(HELD, severity)] if severity else []
    )


@pytest.mark.parametrize(
    ("waits", "p95", "oldest", "timeouts", "severity"),
    [
        (20, 2.9, 0.0, 0, None),
        (20, 3.0, 0.0, 0, Severity.WARNING),
        (19, 3.0, 0.0, 0, None),
        (0, 0.0, 3.1, 0, Severity.WARNING),
        (1, 0.0, 0.0, 1, Severity.ERROR),
    ],
)
def test_waits(
    process: Process,
    waits: int,
    p95: float,
    oldest: float,
    timeouts: int,
    severity: Severity | None,
) -> None:
    """A tenth of pool_timeout is long unless it is but a few, and to give up is worse."""
    recent = replace(process.recent, waits=waits, wait_p95=p95, timeouts=timeouts)
    pool = replace(process.pool, timeout=30.0)
    found = judged(replace(process, recent=recent, oldest_pending=oldest, pool=pool))
    assert [(each.rule, each.severity) for each in found] == (
        [(WAIT, severity)] if severity else []
    )


def test_a_leak_of_tasks(database: Target, tmp_path: Path, later: Callable[[float], None]) -> None:
    """Sessions an asynchronous application forgets one by one are a leak at its line."""
    import asyncio

    async def forget(engine: AsyncEngine) -> Any:
        return await engine.connect()  # the leak

    async def run() -> tuple[Finding, ...]:
        engine = create_async_engine(database.sqlalchemy_url())
        probe = install(engine, threshold=0.01, socket=tmp_path)
        held = []
        for _ in range(3):
            held.append(await forget(engine))
            later(100)
        found = judged(attach(None, filter(None, [probe.path])).processes[0])
        for each in held:
            await each.close()
        uninstall(engine)
        await engine.dispose()
        return found

    (leak,) = asyncio.run(run())
    assert leak.rule == LEAK
    assert leak.location is not None
    assert (leak.location.file, leak.location.line) == (__file__, line_of("# the leak"))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Path, socket.socket]]:
    """A socket that somebody listens on."""
    path = tmp_path / "4711.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path, listener


def test_a_stopped_process_is_unknown(
    process: Process,
    listening: tuple[Path, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What does not answer in time is unknown beside what does, and alone it is an error."""
    ask = attaching._ask

    def asked(path: Path) -> bytes:
        monkeypatch.setattr(attaching, "_PATIENCE", 0.3 if path == listening[0] else 30.0)
        return ask(path)

    monkeypatch.setattr(attaching, "_AT_ONCE", 1)
    monkeypatch.setattr(attaching, "_ask", asked)
    report = attached_report(attach(None, (Path(process.socket), listening[0])))
    (unknown,) = report.unknowns
    assert unknown.reason.startswith(f"{listening[0]}: it gave no answer within")
    with pytest.raises(ConnectError, match="no probe answered on"):
        attach(4711, [listening[0]])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("[]", "its answer is not that of a probe"),
        ("no JSON", "its answer is not that of a probe"),
        ('{"snapshot": 99}', "its probe is of another version of dbtool (99)"),
        (None, "it is not the socket of a probe"),
    ],
)
def test_answers_of_others(
    process: Process, tmp_path: Path, answer: str | None, reason: str
) -> None:
    """A socket that is no probe's, or of another version, is unknown with the reason."""
    listener = Listener(lambda _: ("text/plain", answer) if answer else None, tmp_path)
    found = attach(None, (listener.path, Path(process.socket)))
    listener.close()
    assert [each.reason for each in found.silent] == [reason]
    assert [each.socket for each in found.processes] == [process.socket]


@pytest.mark.parametrize(
    ("said", "reason", "hint"),
    [
        (b"", NO_ANSWER, "Try once more"),
        (b"HTTP/1.0 2", NO_ANSWER, "Try once more"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\n{", NO_ANSWER, "Try once more"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "It is not the socket of a probe.", "Install the same"),
        (b"HTTP/1.0 200 OK\r\n\r\n{", "Its answer is not that of a probe.", "Install the same"),
    ],
)
def test_an_answer_that_did_not_come_is_no_wrong_one(
    listening: tuple[Path, socket.socket], said: bytes, reason: str, hint: str
) -> None:
    """Who is too late or ends says nothing or a part; only a wrong answer is another's."""
    path, listener = listening

    def answer() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(said)

    other = threading.Thread(target=answer, daemon=True)
    other.start()
    with pytest.raises(ConnectError) as caught:
        attach(None, [path])
    other.join()
    assert caught.value.detail.startswith(reason)
    assert caught.value.hint.startswith(hint)


def test_a_queue_that_nobody_takes_from(listening: tuple[Path, socket.socket]) -> None:
    """A process that lets its callers wait until there is no room is said to be silent."""
    path, listener = listening
    listener.listen(0)
    with ExitStack() as callers:
        with suppress(BlockingIOError):
            while True:
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.setblocking(False)
                caller.connect(str(path))
        with pytest.raises(ConnectError, match="no probe answered on") as caught:
            attach(None, [path])
    assert "may be stopped, busy in C code, or ending" in caught.value.detail
    assert "ps -o stat= -p 4711" in caught.value.hint


def test_nobody(tmp_path: Path) -> None:
    """Dead sockets are nobody; without a probe the error says how to get one."""
    dead = tmp_path / "4711.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    with pytest.raises(UsageError) as none:
        attach(None, [dead, tmp_path / "gone.sock"])
    assert none.value.hint.endswith("from dbtool.probe import install; install(engine)")
    with pytest.raises(UsageError, match=f"process {os.getpid()} has no probe"):
        attach(os.getpid(), [])
    with pytest.raises(UsageError, match="there is no process 99999999"):
        attach(99999999, [])


def test_attaching_loads_no_orm() -> None:
    """An on-call command imports neither SQLAlchemy nor a driver."""
    script = (
        "import sys, dbtool.health.view_attach;"
        "print({'sqlalchemy', 'asyncpg', 'greenlet'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
