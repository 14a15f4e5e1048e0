"""Makes and configures a data directory, and reads what a server leaves in it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbtool.errors import OperationError
from dbtool.interrupts import uninterrupted
from dbtool.scratch.account import Account
from dbtool.scratch.binaries import Binaries

SUPERUSER = "postgres"
LONGEST_SOCKET_DIRECTORY = 107 - len("/.s.PGSQL.65535")
_UNICODE_LOCALE_SINCE = 17
_COMPLAINT = re.compile(
    r"((FATAL|PANIC|ERROR|error|WARNING|DETAIL|HINT):"
    r"|LOG: +(could not|invalid|unrecognized|syntax error|parameter|\S+ is not supported)) .*"
)


def environment() -> dict[str, str]:
    """What a server process needs of our environment; the rest may hold secrets."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def create(
    binaries: Binaries,
    account: Account,
    data: Path,
    *,
    password_file: Path | None = None,
    durable: bool = True,
    lock: int | None = None,
) -> None:
    """Run initdb: UTF-8, code-point order, trust on the socket and SCRAM over TCP.

    It inherits the lock, so that one whose owner is killed counts as still at work.
    """
    command = [
        *account.prefix,
        str(binaries.path("initdb")),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-instructions",
    ]
    if not durable:
        command += ["--no-sync"]
    if binaries.major >= _UNICODE_LOCALE_SINCE:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if password_file is not None:
        command += [f"--pwfile={password_file}"]
    status, said = _run(command, account, lock=lock)
    if status != 0:
        raise OperationError(
            f"initdb of PostgreSQL {binaries.major} failed",
            detail=_complaints(said) or f"It ended with status {status}.",
            hint=f"It was to make {data}.",
        )


def configure(account: Account, file: Path, settings: Mapping[str, str]) -> None:
    """Append settings to a configuration file, where ALTER SYSTEM can still override them.

    The account writes it: root must not write where another user could have put a link.
    """
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    text = "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
    append = ["/bin/sh", "-c", 'umask 077; cat >>"$0"', str(file)]
    status, said = _run(append, account, typed=text)
    if status != 0:
        raise OperationError(f"cannot write {file}", detail=said.strip())


def _run(
    command: list[str], account: Account, *, typed: str = "", lock: int | None = None
) -> tuple[int, str]:
    """Its exit status and complaints; an interrupt ends it with every process it has begun."""
    with ExitStack() as begun:
        with uninterrupted():
            process = begun.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd="/",
                    env=environment(),
                    pass_fds=() if lock is None else (lock,),
                    start_new_session=True,
                    **account.switch,
                )
            )
            begun.callback(_end, process)
        said = process.communicate(typed)[1]
    return process.returncode, said


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def statistics(binaries: Binaries) -> dict[str, str]:
    """Settings that keep statement statistics, where the programs bring the module."""
    prefix = binaries.directory.parent
    places = ("lib", "lib/postgresql", "lib64")
    if any((prefix / place / "pg_stat_statements.so").exists() for place in places):
        return {"shared_preload_libraries": "pg_stat_statements"}
    return {}


@dataclass(frozen=True, slots=True)
class Pidfile:
    """What postmaster.pid says; `ready` once connections are accepted."""

    pid: int
    started: datetime
    port: int
    socket_directory: str
    ready: bool


def read_pidfile(data: Path) -> Pidfile | None:
    """The server's own note about itself; None while there is none or it is half written."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Pidfile(
            pid=int(lines[0]),
            started=datetime.fromtimestamp(int(lines[2]), UTC),
            port=int(lines[3]),
            socket_directory=lines[4],
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (OSError, ValueError, IndexError):
        return None


def serves(pid: int, data: Path) -> bool:
    """Whether a process is a server on that data directory, and not one that got its number."""
    if sys.platform != "linux":
        return _exists(pid)
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def why_it_failed(log: Path) -> str:
    """The last complaints in a server log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"Its log {log} cannot be read: {error.strerror}."
    return _complaints(text) or "It said nothing."


def complaints_since(log: Path, position: int) -> str:
    """The complaints written behind a position in a server log; empty where there are none."""
    try:
        with log.open("rb") as file:
            file.seek(position)
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([found[0] for found in _COMPLAINT.finditer(text)][-6:])


def _complaints(text: str) -> str:
    """The last of them without their time and process, else the last lines."""
    lines = text.splitlines()[-60:]
    told = [found[0] for line in lines if (found := _COMPLAINT.search(line))]
    return "\n".join(told[-6:] or lines[-6:])
