"""Prove that the backend we talk to is a process of this machine.

A loopback address proves nothing: tunnels, proxies and poolers end there. What proves it is
the kernel. Over a Unix socket it names the process that listens, which must be the
postmaster whose child our backend is. Over TCP the process with our backend's number must be
a PostgreSQL backend whose title shows the very port our end of the connection has. In both
cases it must have started when the server says our backend did. A process behind a tunnel or
a pooler cannot carry our port in its title, and whoever forwards is not its parent.
"""

import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_PROC = Path("/proc")
_SERVER = "postgres"
_CLOCK_TOLERANCE = 2.0
_OURSELVES = """\
SELECT pid, extract(epoch FROM backend_start)::float8 AS started
FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"""


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the server is proven to run here, and on what that rests."""

    local: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says about a process; times are seconds since the epoch."""

    name: str
    title: str
    parent: int
    started: float


async def prove(connection: "Connection") -> Proof:
    """Look the backend up among the processes of this machine."""
    ours = connection.socket
    if ours is None or not _PROC.joinpath("stat").exists():
        return Proof(False, "this system cannot tell which process the server is")
    row = await connection.fetchrow(_OURSELVES)
    process = read_process(row["pid"]) if row else None
    if row is None or process is None or process.name != _SERVER:
        return Proof(False, "its server is none of the processes seen on this machine")
    started = row["started"]  # null to a role whose sessions are another's: ALTER ROLE … SET role
    if (
        started is None
        or abs(process.started - started) > _CLOCK_TOLERANCE
        or not _is_ours(ours, process)
    ):
        return Proof(False, "its server is not proven to be a process of this machine")
    return Proof(True, f"its server is process {process.parent} of this machine")


def _is_ours(ours: socket.socket, process: Process) -> bool:
    if ours.family == socket.AF_UNIX:
        return _listener(ours) == process.parent
    address, port = ours.getsockname()[:2]
    return f" {address}({port}) " in f"{process.title} "


def _listener(ours: socket.socket) -> int:
    """The process that listens at the other end of a Unix socket."""
    found = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", found)[0]
    return pid


def read_process(pid: int) -> Process | None:
    """What the kernel says about a process; None where it says nothing."""
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        title = _PROC.joinpath(str(pid), "cmdline").read_bytes()
        uptime = float(_PROC.joinpath("uptime").read_text(encoding="ascii").split()[0])
    except OSError:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    age = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    shown = title.replace(b"\0", b" ").decode(errors="replace").strip()
    return Process(name, shown, int(fields[1]), time.time() - age)
