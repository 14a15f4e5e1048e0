"""Throwaway PostgreSQL: a server of our own, or a database cloned on a server the user names."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Self

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.interrupts import uninterrupted
from dbtool.scratch import supervisor
from dbtool.scratch.account import Account, runnable, server_account
from dbtool.scratch.binaries import Binaries, find_binaries
from dbtool.scratch.cluster import (
    LONGEST_SOCKET_DIRECTORY,
    SUPERUSER,
    configure,
    create,
    environment,
    read_pidfile,
    statistics,
    why_it_failed,
)
from dbtool.scratch.ended import has_ended, is_of_its_own, told
from dbtool.scratch.leftovers import remove
from dbtool.sql.names import identifier

_PREFIX = "dbtool-scratch-"
_RUN = "run"
_DATA = "run/data"
_START_LIMIT = 30.0
_FILE_COPY_SINCE = 15
_CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_checkpoints": "off",
    # One that lost a process ends, for all to see, and is never met while it starts over.
    "restart_after_crash": "off",
    # What a killed server leaves goes with its directory.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Server:
    """A running throwaway server; `throwaway` makes one."""

    def __init__(
        self,
        binaries: Binaries,
        directory: Path,
        process: "subprocess.Popen[bytes]",
        address: Target,
    ) -> None:
        self.binaries = binaries
        self.directory = directory
        self._process = process
        self._address = address
        self._owner = os.getpid()

    def target(self, database: str = "postgres") -> Target:
        """A database of this server, as its superuser."""
        return self._address.with_database(database)

    def create_database(self, name: str, template: str | None = None) -> Target:
        """Create a database, as a copy of another where a template is named."""
        statement = f"CREATE DATABASE {identifier(name)}"
        if template is not None:
            statement += f" TEMPLATE {identifier(template)}"
        if self.binaries.major >= _FILE_COPY_SINCE:
            statement += " STRATEGY file_copy"
        self._execute(statement)
        return self.target(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Tell what fails in the block as the end of the server, where it has ended meanwhile."""
        try:
            yield self
        except Exception as error:
            if not is_of_its_own(error) and has_ended(self.target(), self.directory / _DATA):
                raise told(self.binaries.major, self.directory / "log", error) from error
            raise

    def stop(self) -> None:
        """End the server and remove its files; a second call does nothing, nor one in a fork."""
        if os.getpid() != self._owner:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        with SyncConnection(self.target(), timeout=_START_LIMIT) as connection:
            connection.execute(statement)


@contextmanager
def throwaway(
    major: int | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Run a server for as long as the block lasts; it dies with this process in any case.

    It listens on a Unix socket only we can reach and, with `port`, on 127.0.0.1 behind a
    random password (0 takes any free port).
    """
    account = server_account()
    binaries = runnable(find_binaries(major), account)
    sweep()
    server = _start(binaries, account, settings or {}, _free_port() if port == 0 else port)
    try:
        with server.watched():
            yield server
    finally:
        server.stop()


def _start(
    binaries: Binaries, account: Account, settings: Mapping[str, str], port: int | None
) -> Server:
    password = secrets.token_urlsafe(24) if port is not None else None
    with ExitStack() as begun:
        with uninterrupted():
            directory, lock = _private_directory(account)
            begun.callback(remove, directory)
        try:
            data, file = directory / _DATA, _password_file(directory, account, password)
            create(binaries, account, data, password_file=file, durable=False, lock=lock)
            wanted = _settings(binaries, directory, port) | dict(settings)
            configure(account, data / "postgresql.conf", wanted)
            with uninterrupted():
                process = _spawn(binaries, account, directory, lock)
                server = Server(binaries, directory, process, _address(directory, port, password))
                begun.callback(server.stop)
        finally:
            os.close(lock)
        _wait_until_ready(server, process)
        begun.pop_all()
    return server


def _password_file(directory: Path, account: Account, password: str | None) -> Path | None:
    if password is None:
        return None
    file = directory / "password"
    file.touch(mode=0o600)
    file.write_text(password, encoding="utf-8")
    account.own(file)
    return file


def _address(directory: Path, port: int | None, password: str | None) -> Target:
    return Target(
        host=str(directory / _RUN) if port is None else "127.0.0.1",
        port=port or 5432,
        user=SUPERUSER,
        database="postgres",
        password=password,
        sslmode=None if port is None else "disable",
        source="scratch",
    )


def _settings(binaries: Binaries, directory: Path, port: int | None) -> dict[str, str]:
    return (
        _CARELESS
        | statistics(binaries)
        | {
            "unix_socket_directories": str(directory / _RUN),
            "unix_socket_permissions": "0700",
            "listen_addresses": "" if port is None else "127.0.0.1",
            "port": str(port or 5432),
        }
    )


def _private_directory(account: Account) -> tuple[Path, int]:
    """A new directory of ours, one in it for the account alone, and the lock of the run.

    Root never writes where the account could put a link. The lock file gets its final name
    once it is locked: a directory with a lock nobody holds is always a leftover.
    """
    for root in _temporary_roots():
        if len(os.fsencode(root / _PREFIX / _RUN)) + 8 > LONGEST_SOCKET_DIRECTORY:
            continue
        if account.foreign and not account.reaches(root):
            continue
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        try:
            lock = os.open(directory / "lock.new", os.O_RDWR | os.O_CREAT, 0o600)
            flock(lock, LOCK_EX)
            (directory / "lock.new").rename(directory / "lock")
            (directory / _RUN).mkdir(mode=0o700)
            account.own(directory / _RUN)
            directory.chmod(0o711 if account.foreign else 0o700)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return directory, lock
    raise OperationError(
        "no temporary directory is fit for a throwaway server",
        detail="It must be short enough for a socket and within reach of the server's account.",
        hint="Set TMPDIR to such a directory.",
    )


def _temporary_roots() -> list[Path]:
    with uninterrupted():  # it tries a directory with a file of its own
        first = tempfile.gettempdir()
    return [Path(root) for root in dict.fromkeys((first, "/tmp", "/var/tmp"))]


def _spawn(
    binaries: Binaries, account: Account, directory: Path, lock: int
) -> "subprocess.Popen[bytes]":
    script = [sys.executable, "-I", "-S", supervisor.__file__, str(directory), str(os.getpid())]
    server = [*account.prefix, str(binaries.path("postgres")), "-D", str(directory / _DATA)]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [*script, str(account.uid), str(account.gid), *server],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment(),
            pass_fds=(lock,),
            start_new_session=True,
        )


def _wait_until_ready(server: Server, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_LIMIT
    while time.monotonic() < until:
        note = read_pidfile(server.directory / _DATA)
        if note is not None and note.ready:
            return
        if process.poll() is not None:
            break
        time.sleep(0.005)
    raise OperationError(
        f"the throwaway PostgreSQL {server.binaries.major} did not start",
        detail=why_it_failed(server.directory / "log"),
        hint=f"Its programs are in {server.binaries.directory} ({server.binaries.source}).",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sweep() -> None:
    """Remove what runs left behind that were killed together with their supervisor."""
    for root in _temporary_roots():
        for directory in root.glob(_PREFIX + "*"):
            _remove_if_abandoned(directory)


def _remove_if_abandoned(directory: Path) -> None:
    """The lock of a run is free once its owner, supervisor and server have all ended."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            flock(lock, LOCK_EX | LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
