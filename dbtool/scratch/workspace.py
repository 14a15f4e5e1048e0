"""What a project keeps in `.dbtool/` for its development server, and who may touch it when."""

import json
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from hashlib import sha256
from pathlib import Path

from dbtool import kept
from dbtool.errors import LockNotObtained, UsageError
from dbtool.interrupts import uninterrupted
from dbtool.ports import Progress, Silent
from dbtool.scratch import leftovers
from dbtool.scratch.account import Account, account_of, server_account
from dbtool.scratch.cluster import LONGEST_SOCKET_DIRECTORY, Pidfile, read_pidfile, serves

_LOCK_LIMIT = 60.0
OUTSIDE = Path("/var/lib/dbtool")


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept from one start to the next; a port means that TCP is on."""

    database: str
    password: str = field(repr=False, metadata={"json": False})
    port: int | None = None

    def listening(self, port: int | None) -> "Memory":
        """The same with another port: 0 for none, None for no change."""
        return self if port is None else replace(self, port=port or None)

    @classmethod
    def read(cls, path: Path, project: str) -> "Memory":
        """What was kept, or what a new server of that project begins with."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls(_database_name(project), secrets.token_urlsafe(24))
        except PermissionError:
            raise belongs_to_another(path) from None
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"cannot read {path}",
                detail=str(error),
                hint="Remove it; the next start writes a new one.",
            ) from error

    def write(self, path: Path) -> None:
        """Keep it, readable only to whoever the directory belongs to."""
        with uninterrupted():
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
                if os.geteuid() == 0:
                    owner = path.parent.stat()
                    os.chown(name, owner.st_uid, owner.st_gid)
            Path(name).replace(path)


class Workspace:
    """The files of one project's server."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.directory = self.root / ".dbtool"
        self.memory = self.directory / "local.json"

    @property
    def home(self) -> Path:
        """The directory only the server's account may enter: data, log and socket."""
        return (self.directory / "postgres").resolve()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The log of the running or the last server."""
        return self.home / "log"

    def major(self) -> int | None:
        """The major version that made the data directory; None where there is none."""
        try:
            return int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError:
            raise belongs_to_another(self.home) from None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from starting or stopping the server meanwhile."""
        self._make()
        descriptor = self._open_lock("local.lock")
        try:
            _wait_for(descriptor)
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def server_lock(self) -> Iterator[int]:
        """The lock for a server to inherit: it is held for as long as one process of it lives."""
        descriptor = self._open_lock("server.lock")
        try:
            _wait_for(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def alive(self) -> bool:
        """Whether any process of the server is left, seen from any container."""
        descriptor = self._open_lock("server.lock")
        try:
            flock(descriptor, LOCK_SH | LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        note = read_pidfile(self.data)
        return note is not None and serves(note.pid, self.data)

    def running(self) -> Pidfile | None:
        """What the server says about itself; None when none is there to say it."""
        note = read_pidfile(self.data)
        return note if note is not None and self.alive() else None

    def forget_dead_server(self) -> None:
        """Remove the notes of a server that crashed: its process number may be another's now."""
        if not self.alive():
            for note in (self.data / "postmaster.pid", *self.home.glob(".s.PGSQL.*")):
                note.unlink(missing_ok=True)

    def prepare(self, progress: Progress | None = None) -> Account:
        """Make the server's directory and hand it to the account the server will run as."""
        account = self._account()
        link = self.directory / "postgres"
        if not link.exists():
            link.unlink(missing_ok=True)
            within = account.reaches(self.directory)
            for gone in () if within else leftovers.sweep(OUTSIDE):
                (progress or Silent()).note(f"removed {gone}, whose project is gone")
            with uninterrupted():
                if within:
                    link.mkdir(mode=0o700)
                else:
                    link.symlink_to(self._outside())
                account.own(self.home)
                self._register(link)
        else:
            self._register(link)
        if self.home.stat().st_uid != account.uid:
            raise belongs_to_another(self.home)
        return account

    def _register(self, link: Path) -> None:
        if link.is_symlink() and os.geteuid() == 0 and self.home.parent == OUTSIDE:
            leftovers.register(self.home, link)

    @contextmanager
    def new_directory(self) -> Iterator[Path]:
        """A name for a data directory in the making; what is left under it goes away."""
        for leftover in self.home.glob("new-*"):
            leftovers.remove(leftover)
        new = self.home / f"new-{secrets.token_hex(4)}"
        try:
            yield new
        finally:
            leftovers.remove(new)

    def socket_directory(self) -> Path:
        """The home, or where its path is too long for a socket a private directory in /tmp."""
        if len(os.fsencode(self.home)) <= LONGEST_SOCKET_DIRECTORY:
            return self.home
        short, owner = self.short_directory(), self.home.stat()
        try:
            with uninterrupted():
                short.mkdir(mode=0o700)
                os.chown(short, owner.st_uid, owner.st_gid)
        except FileExistsError:
            found = short.lstat()
            if (found.st_uid, stat.S_IMODE(found.st_mode)) != (owner.st_uid, 0o700):
                raise belongs_to_another(short) from None
        return short

    def remove_short_directory(self) -> None:
        """Leave nothing outside the project while no server runs."""
        with suppress(OSError):
            self.short_directory().rmdir()

    def short_directory(self) -> Path:
        """Where the socket goes if the home's path is too long for one."""
        name = sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path("/tmp") / f"dbtool-{self.home.stat().st_uid}-{name}"

    def keep_old_log(self) -> None:
        """Let each server begin a log of its own and keep the one before."""
        if self.log.exists():
            self.log.replace(self.log.with_name("log.old"))

    def _make(self) -> None:
        try:
            kept.make(self.directory)
        except OSError as error:
            raise UsageError(
                f"cannot keep a server in {self.directory}",
                detail=error.strerror or str(error),
                hint="Run dbtool where you may write to the project's directory.",
            ) from error

    def _account(self) -> Account:
        """Root acts for whoever owns the server's files, so that both can go on with them."""
        if os.geteuid() == 0 and self.home.exists() and (owner := self.home.stat().st_uid) != 0:
            return account_of(owner)
        return server_account()

    def _outside(self) -> Path:
        """A place for root's servers where the project is out of their account's reach."""
        OUTSIDE.mkdir(mode=0o755, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{self.root.name}-", dir=OUTSIDE))

    def _open_lock(self, name: str) -> int:
        path = self.directory / name
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            raise belongs_to_another(path) from None


def belongs_to_another(path: Path) -> UsageError:
    """The error for files that whoever started the server first keeps to himself."""
    return UsageError(
        f"{path} belongs to another user",
        detail="The local server and its files belong to whoever started it first.",
        hint="Run dbtool as that user, or remove .dbtool to begin anew.",
    )


def _wait_for(descriptor: int) -> None:
    until = time.monotonic() + _LOCK_LIMIT
    while True:
        try:
            return flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace")
                raise LockNotObtained(
                    "another dbtool is starting or stopping the local server",
                    detail=f"It is process {holder} and has not ended for {_LOCK_LIMIT:g} s.",
                ) from None
        time.sleep(0.02)


def _database_name(project: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", project.lower()).strip("_")[:63]
    return "app" if name in ("", "template0", "template1") else name
