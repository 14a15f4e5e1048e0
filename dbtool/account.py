"""The operating-system account a server runs as, since PostgreSQL refuses to run as root."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from dbtool.binaries import WHEEL, Binaries
from dbtool.errors import OperationError

_CACHE = Path("/var/cache/dbtool")


class Switch(TypedDict, total=False):
    """The arguments by which subprocess changes to an account."""

    user: int
    group: int
    extra_groups: Iterable[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group; `foreign` when it is not the one dbtool itself runs as."""

    uid: int
    gid: int
    foreign: bool

    @property
    def switch(self) -> Switch:
        """What to pass to subprocess so that a child runs as this account."""
        if not self.foreign:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": ()}

    def own(self, path: Path) -> None:
        """Hand a directory or file of ours to the account."""
        if self.foreign:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter a directory, or run a program."""
        test = ["/bin/sh", "-c", '[ -x "$0" ]', str(path)]
        return subprocess.run(test, cwd="/", check=False, **self.switch).returncode == 0


def server_account() -> Account:
    """Ourselves, or for root the `postgres` account where there is one, else `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), foreign=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, foreign=True)
    raise OperationError(
        "root cannot run a PostgreSQL server, and there is no account to run it as",
        detail='Neither "postgres" nor "nobody" exists on this machine.',
        hint="Run dbtool as a normal user.",
    )


def runnable(binaries: Binaries, account: Account) -> Binaries:
    """The same programs where the account can run them: copied once if it cannot."""
    if not account.foreign or account.reaches(binaries.path("postgres")):
        return binaries
    copy = _CACHE / _key(binaries) / binaries.directory.parent.parent.name / "pginstall"
    if not copy.exists():
        _copy(binaries, _CACHE / _key(binaries))
    return replace(binaries, directory=copy / "bin")


def _key(binaries: Binaries) -> str:
    program = binaries.path("postgres")
    seen = program.stat()
    identity = f"{program}:{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ino}"
    return f"{binaries.major}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _copy(binaries: Binaries, goal: Path) -> None:
    """Copy beside the goal and rename, so that nobody ever sees half a copy."""
    goal.parent.mkdir(mode=0o755, exist_ok=True)
    prefix = binaries.directory.parent
    package = prefix.parent
    work = Path(tempfile.mkdtemp(prefix=".new-", dir=goal.parent))
    try:
        for part in ("bin", "lib", "share"):
            shutil.copytree(prefix / part, work / package.name / "pginstall" / part)
        libraries = package.parent / f"{WHEEL}.libs"
        if package.name == WHEEL and libraries.is_dir():
            shutil.copytree(libraries, work / libraries.name)
        _open_for_reading(work)
        work.rename(goal)
    except OSError:
        if not goal.exists():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _open_for_reading(root: Path) -> None:
    """Undo a strict umask of the installation in the copy."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
