"""Makes and configures a data directory, and reads what a server leaves in it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbtool.account import Account
from dbtool.binaries import Binaries
from dbtool.errors import OperationError

SUPERUSER = "postgres"
LONGEST_SOCKET_DIRECTORY = 107 - len("/.s.PGSQL.65535")
_UNICODE_LOCALE_SINCE = 17
_COMPLAINT = re.compile(
    r"((FATAL|PANIC|ERROR|WARNING|DETAIL|HINT):"
    r"|LOG: +(could not|invalid|unrecognized|syntax error|parameter)) .*"
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
    password: str | None = None,
    durable: bool = True,
) -> None:
    """Run initdb: UTF-8, code-point order, trust on the socket and SCRAM over TCP."""
    command = [
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
    with _password_file(data.with_name("password"), account, password) as given:
        made = subprocess.run(
            command + given,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **account.switch,
        )
    if made.returncode != 0:
        raise OperationError(
            f"initdb of PostgreSQL {binaries.major} failed",
            detail=made.stderr.strip() or f"It ended with status {made.returncode}.",
            hint=f"The programs are in {binaries.directory}, the data directory is {data}.",
        )


@contextmanager
def _password_file(path: Path, account: Account, password: str | None) -> Iterator[list[str]]:
    """The argument that hands initdb a password; the file is gone afterwards."""
    if password is None:
        yield []
        return
    path.touch(mode=0o600)
    try:
        path.write_text(password, encoding="utf-8")
        account.own(path)
        yield [f"--pwfile={path}"]
    finally:
        path.unlink()


def configure(data: Path, settings: Mapping[str, str], file: str = "postgresql.conf") -> None:
    """Append settings to a configuration file, where ALTER SYSTEM can still override them."""
    with (data / file).open("a", encoding="utf-8") as opened:
        for name, value in settings.items():
            quoted = value.replace("'", "''")
            opened.write(f"{name} = '{quoted}'\n")


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
    """The last complaints in a server log, without their time and process."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
    except OSError as error:
        return f"Its log {log} cannot be read: {error.strerror}."
    told = [found[0] for line in lines if (found := _COMPLAINT.search(line))]
    return "\n".join(told[-6:] or lines[-6:]) or "It said nothing."
