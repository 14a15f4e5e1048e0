"""Reads the connection pools of this machine's applications from the sockets of their probes."""

import json
import re
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbtool.errors import ConnectError, UsageError
from dbtool.probe.directory import pid_of, sockets

INSTALL = "from dbtool.probe import install; install(engine)"
_PATIENCE = 2.0
_LONGEST = 4 << 20
_AT_ONCE = 16
_SNAPSHOT = 1
_ANSWERED = b"HTTP/1.0 200"
_LENGTH = re.compile(rb"\r\nContent-Length: (\d{1,9})")
_MAY_BE = "the process may be stopped, busy in C code, or ending"


@dataclass(frozen=True, slots=True)
class Arguments:
    """How a pool was made; None where it has no such limit."""

    name: str
    kind: str
    size: int | None
    overflow: int | None
    capacity: int | None
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations since the process began; `counts` are between the bounds, one more than them."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    sum: float
    longest: float


@dataclass(frozen=True, slots=True)
class LastMinute:
    """The waits of the last minute."""

    waits: int
    wait_p50: float
    wait_p95: float
    wait_longest: float
    timeouts: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the application."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


@dataclass(frozen=True, slots=True)
class CallSite:
    """Lines that took connections: those out now with their ages, and how others came back."""

    frames: tuple[Frame, ...]
    held: int
    ages: tuple[float, ...]
    returned: int
    returned_seconds: float
    returned_longest: float


@dataclass(frozen=True, slots=True)
class Process:
    """The pool of one engine in one process."""

    pid: int
    host: str
    service: str
    socket: str
    threshold: float
    pool: Arguments
    used: int
    idle: int
    pending: int
    oldest_pending: float
    timeouts: int
    failures: int
    recent: LastMinute
    wait: Durations
    use: Durations
    create: Durations
    places: tuple[CallSite, ...]

    def __str__(self) -> str:
        return f"{self.service} (pid {self.pid})"

    @property
    def full(self) -> bool:
        """Whether nothing is left to give out."""
        return self.pool.capacity is not None and self.used >= self.pool.capacity


@dataclass(frozen=True, slots=True)
class Silent:
    """A socket that gave no answer, and why."""

    socket: str
    pid: int | None
    reason: str
    decide: str


@dataclass(frozen=True, slots=True)
class Attached:
    """What the probes of this machine answered."""

    processes: tuple[Process, ...]
    silent: tuple[Silent, ...] = ()


def attach(pid: int | None, paths: Iterable[Path] | None = None) -> Attached:
    """Ask every probe, or those of one process; sockets of dead processes are passed over."""
    found = sockets() if paths is None else paths
    asked = [path for path in found if pid is None or pid_of(path) == pid]
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        answers = tuple(readers.map(_answer, asked))
    processes = tuple(each for each in answers if isinstance(each, Process))
    silent = tuple(each for each in answers if isinstance(each, Silent))
    if not processes:
        raise _nobody(pid, silent)
    return Attached(processes, silent)


def _answer(path: Path) -> Process | Silent | None:
    """What one socket says; None where its process is dead."""
    try:
        return read_process(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        pid = pid_of(path)
        return Silent(str(path), pid, _reason(error), _decide(pid, error))


def read_process(path: Path) -> Process:
    """What the probe behind one socket says."""
    said = json.loads(_ask(path))
    if said["snapshot"] != _SNAPSHOT:
        raise ValueError(f"its probe is of another version of dbtool ({said['snapshot']})")
    pool, recent = said["pool"], said["recent"]
    return Process(
        pid=int(said["pid"]),
        host=str(said["host"]),
        service=str(said["service"]),
        socket=str(path),
        threshold=float(said["threshold"]),
        pool=Arguments(
            name=str(pool["name"]),
            kind=str(pool["class"]),
            size=pool["size"],
            overflow=pool["overflow"],
            capacity=pool["capacity"],
            timeout=pool["timeout"],
        ),
        used=int(said["used"]),
        idle=int(said["idle"]),
        pending=int(said["pending"]),
        oldest_pending=float(said["oldest_pending"]),
        timeouts=int(said["timeouts"]),
        failures=int(said["failures"]),
        recent=LastMinute(
            waits=int(recent["waits"]),
            wait_p50=float(recent["wait_p50"]),
            wait_p95=float(recent["wait_p95"]),
            wait_longest=float(recent["wait_longest"]),
            timeouts=int(recent["timeouts"]),
        ),
        wait=_durations(said["wait"]),
        use=_durations(said["use"]),
        create=_durations(said["create"]),
        places=tuple(_place(each) for each in said["places"]),
    )


def _durations(said: dict[str, Any]) -> Durations:
    return Durations(
        tuple(float(each) for each in said["bounds"]),
        tuple(int(each) for each in said["counts"]),
        int(said["count"]),
        float(said["sum"]),
        float(said["longest"]),
    )


def _place(said: dict[str, Any]) -> CallSite:
    return CallSite(
        frames=tuple(
            Frame(str(each["file"]), int(each["line"]), str(each["function"]))
            for each in said["frames"]
        ),
        held=int(said["held"]),
        ages=tuple(float(each) for each in said["ages"]),
        returned=int(said["returned"]),
        returned_seconds=float(said["returned_seconds"]),
        returned_longest=float(said["returned_longest"]),
    )


def _ask(path: Path) -> bytes:
    """One answer, within two seconds however slowly it comes."""
    until = time.monotonic() + _PATIENCE
    answer = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_PATIENCE)
        client.connect(str(path))
        client.sendall(b"GET /snapshot HTTP/1.0\r\n\r\n")
        while part := client.recv(1 << 16):
            answer += part
            client.settimeout(max(until - time.monotonic(), 0.001))
            if len(answer) > _LONGEST:
                raise ValueError("its answer is too long to be a probe's")
    head, ended, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(_ANSWERED) and not _ANSWERED.startswith(answer):
        raise ValueError("it is not the socket of a probe")
    if not ended or len(body) < _announced(head):
        raise ConnectionAbortedError
    return body


def _announced(head: bytes) -> int:
    length = _LENGTH.search(head)
    return int(length[1]) if length else 0


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return f"it gave no answer within {_PATIENCE:.0f} s: {_MAY_BE}"
        case ConnectionError() | BlockingIOError():
            return f"it gave no answer, or a part of one: {_MAY_BE}"
        case OSError():
            return error.strerror or str(error)
        case KeyError() | TypeError() | json.JSONDecodeError():
            return "its answer is not that of a probe"
    return str(error)


def _decide(pid: int | None, error: Exception) -> str:
    if isinstance(error, TimeoutError | ConnectionError | BlockingIOError):
        if pid is None:
            return "try once more, or look whether the process that made it still runs"
        return (
            f"try once more, and look what it does with ps -o stat= -p {pid}:"
            " T is stopped, R is busy, no line says that it has ended or runs in a container"
        )
    if isinstance(error, OSError):
        return "run it as the user the application runs as"
    return "install the same version of dbtool in the application"


def _nobody(pid: int | None, silent: tuple[Silent, ...]) -> ConnectError | UsageError:
    if silent:
        first = silent[0]
        return ConnectError(
            f"no probe answered on {first.socket}",
            detail=f"{first.reason[:1].upper()}{first.reason[1:]}.",
            hint=f"{first.decide[:1].upper()}{first.decide[1:]}.",
        )
    if pid is None:
        return UsageError(
            "no application on this machine has a probe that you may read",
            detail="Its socket is looked for in $XDG_RUNTIME_DIR/dbtool and /tmp/dbtool-UID.",
            hint=f"Add it where the engine is made: {INSTALL}",
        )
    with suppress(OSError):
        if Path(f"/proc/{pid}").exists():
            return UsageError(
                f"process {pid} has no probe that you may read",
                hint=f"Add it where its engine is made: {INSTALL}",
            )
    return UsageError(
        f"there is no process {pid} on this machine",
        hint="dbtool pool attach lists all processes that have a probe.",
    )
