"""The operating-system account a server runs as, since PostgreSQL refuses to run as root."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from dbtool.errors import OperationError, UsageError
from dbtool.interrupts import uninterrupted
from dbtool.scratch.binaries import WHEEL, Binaries

_CACHE = Path("/var/cache/dbtool")


class Switch(TypedDict, total=False):
    """The arguments by which subprocess changes to an account."""

    user: int
    group: int
    extra_groups: Iterable[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group; `foreign` when it is not the one dbtool itself runs as.

    `prefix` is what a command needs in front to run as it.
    """

    name: str
    uid: int
    gid: int
    foreign: bool = False
    prefix: tuple[str, ...] = ()

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
        return self.succeeds("/bin/sh", "-c", '[ -x "$0" ]', str(path))

    def succeeds(self, *command: str) -> bool:
        """Whether a command runs well as this account."""
        try:
            ran = subprocess.run(
                [*self.prefix, *command], cwd="/", capture_output=True, check=False, **self.switch
            )
        except OSError:
            return False
        return ran.returncode == 0


def server_account() -> Account:
    """Ourselves, or for root the `postgres` account where there is one, else `nobody`.

    Where root may not change to another account, or we have no name and initdb insists on
    one, a user namespace in which we are called nobody serves as well.
    """
    accounts = [*_unprivileged(), *_in_namespace()]
    for account in accounts:
        if account.succeeds("/bin/sh", "-c", ":"):
            return account
    if os.geteuid() == 0:
        raise UsageError(
            "root cannot run a PostgreSQL server, and cannot change to another account here",
            detail=f"Tried {' and '.join(each.name for each in accounts) or 'none'}.",
            hint="Run dbtool as a normal user.",
        )
    raise UsageError(
        f"user id {os.geteuid()} cannot run a PostgreSQL server, because it has no name",
        detail="It has no entry in /etc/passwd, and initdb insists on one.",
        hint="Run dbtool as a user that has one, or as root.",
    )


def account_of(uid: int) -> Account:
    """The account of a user id, whether it has a name or not."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, uid, foreign=uid != os.geteuid())
    return Account(entry.pw_name, uid, entry.pw_gid, foreign=uid != os.geteuid())


def _unprivileged() -> Iterator[Account]:
    if os.geteuid() != 0:
        with suppress(KeyError):
            yield account_of(pwd.getpwuid(os.geteuid()).pw_uid)
        return
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            yield account_of(pwd.getpwnam(name).pw_uid)


def _in_namespace() -> Iterator[Account]:
    unshare = shutil.which("unshare")
    with suppress(KeyError):
        nobody = pwd.getpwnam("nobody")
        if unshare is not None:
            maps = (f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
            yield Account(
                "nobody in a user namespace",
                os.geteuid(),
                os.getegid(),
                prefix=(unshare, "--user", *maps, "--"),
            )


def runnable(binaries: Binaries, account: Account) -> Binaries:
    """The same programs where the account can run them: copied once if it cannot.

    Root's environments often stand below a home directory that nobody else may enter.
    """
    if not account.foreign or account.reaches(binaries.path("postgres")):
        return binaries
    package = binaries.directory.parent.parent
    if package.name != WHEEL:
        raise UsageError(
            f'the account "{account.name}" cannot run the server programs in {binaries.directory}',
            detail="PostgreSQL refuses to run as root, so that account runs it instead.",
            hint="Install them where every user can read them.",
        )
    goal = _CACHE / _key(binaries)
    if not goal.exists():
        from dbtool.scratch.leftovers import sweep_copies

        _copy(package, goal)
        sweep_copies(_CACHE, goal)
    with suppress(OSError):
        os.utime(goal)
    return replace(binaries, directory=goal / package.name / "pginstall" / "bin")


def _key(binaries: Binaries) -> str:
    """One copy per build, however many environments have it installed."""
    content = hashlib.sha256(binaries.path("postgres").read_bytes()).hexdigest()
    return f"postgresql-{binaries.major}-{content[:16]}"


def _copy(package: Path, goal: Path) -> None:
    """Copy beside the goal and rename, so that nobody ever runs half a copy."""
    work = None
    try:
        goal.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with uninterrupted():
            work = Path(tempfile.mkdtemp(prefix=".new-", dir=goal.parent))
        for part in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / part, work / package.name / "pginstall" / part)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, work / libraries.name)
        _open_for_reading(work)
        work.rename(goal)
    except OSError as error:
        if goal.exists():
            return
        raise OperationError(
            f"cannot copy the server programs to {goal.parent}",
            detail=error.strerror or str(error),
            hint="Install dbtool outside root's home directory, or run it as a normal user.",
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _open_for_reading(root: Path) -> None:
    """Undo a strict umask of the installation in the copy."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
