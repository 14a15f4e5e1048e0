"""Debian's PgBouncer in front of a test server, run as an unprivileged user on a port of its own.

It lets everybody in as the user of the target it stands before: tests are about pooling,
not about logging in. Asyncpg cannot read the console; psql can.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dbtool.database.target import Target
from dbtool.scratch.account import server_account
from tests.processes import absent

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
_START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running PgBouncer: the pooled database, the console, and where it logs."""

    target: Target
    console: Target
    pid: int
    log: Path

    @property
    def on_socket(self) -> Target:
        """The pooled database through the pooler's own Unix socket."""
        return replace(self.target, host=str(self.log.parent))


@contextmanager
def pgbouncer(
    before: Target, settings: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[Pooler]:
    """Run PgBouncer before a server, by default in transaction mode with two connections."""
    if PROGRAM is None:
        absent("PgBouncer", "apt-get install pgbouncer")
    account = server_account()
    directory = Path(tempfile.mkdtemp(prefix="dbtool-pooler-", dir="/tmp"))
    account.own(directory)
    while True:
        listens = port or _free_port()
        ini = directory / "pgbouncer.ini"
        ini.write_text(_configuration(before, directory, listens, settings or {}), encoding="utf-8")
        account.own(ini)
        process = subprocess.Popen(
            [*account.prefix, PROGRAM, "-q", str(ini)],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account.switch,
        )
        if port or not _port_was_taken(process, listens, directory):
            break
        process.terminate()
        process.wait(_START_LIMIT)
        (directory / "log").unlink()
    try:
        _wait_until_ready(process, listens, directory)
        target = replace(
            before, host="127.0.0.1", port=listens, password=None, sslmode="disable", source="test"
        )
        yield Pooler(target, target.with_database("pgbouncer"), process.pid, directory / "log")
    finally:
        process.terminate()
        process.wait(_START_LIMIT)
        shutil.rmtree(directory)


def _configuration(before: Target, directory: Path, port: int, settings: Mapping[str, str]) -> str:
    password = f" password={before.password}" if before.password else ""
    defaults = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": str(directory),
        "auth_type": "any",
        "admin_users": before.user,
        "pool_mode": "transaction",
        "default_pool_size": "2",
        "logfile": str(directory / "log"),
    }
    lines = [f"{key} = {value}" for key, value in {**defaults, **settings}.items()]
    place = f"host={before.host} port={before.port} user={before.user}{password}"
    return "\n".join(["[databases]", f"* = {place}", "[pgbouncer]", *lines, ""])


def _port_was_taken(process: "subprocess.Popen[bytes]", port: int, directory: Path) -> bool:
    """Whether somebody else was faster: PgBouncer then listens on its Unix socket alone."""
    until = time.monotonic() + _START_LIMIT
    # It comes after the port.
    while not (directory / f".s.PGSQL.{port}").exists():
        if time.monotonic() > until or process.poll() is not None:
            return False
        time.sleep(0.02)
    return "in use" in (directory / "log").read_text(encoding="utf-8")


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, directory: Path) -> None:
    """Its Unix socket is its own, whoever listens on a port of the same number."""
    until = time.monotonic() + _START_LIMIT
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(directory / f".s.PGSQL.{port}"))
            return
        time.sleep(0.02)
    log = directory / "log"
    said = log.read_text(encoding="utf-8") if log.exists() else "no log"
    raise RuntimeError(f"pgbouncer did not start: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
