"""The project's own development server, kept in `.dbtool/` from one day to the next."""

import os
import subprocess
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, OperationError, UsageError
from dbtool.ports import Progress, Silent
from dbtool.scratch import cluster
from dbtool.scratch.account import Account, runnable
from dbtool.scratch.binaries import OLDEST, VARIABLE, Binaries, client, find_binaries
from dbtool.scratch.shutdown import shut_down
from dbtool.scratch.workspace import Memory, Workspace

_START_LIMIT = 60
_ANSWER_LIMIT = 2
_OVERRIDES = "dbtool.conf"
_MAINTENANCE = "postgres"
_OWN_DATABASES = f"""
select coalesce(array_agg(datname::text order by datname), '{{}}') from pg_database
where not datistemplate and datname <> '{_MAINTENANCE}'
"""


@dataclass(frozen=True, slots=True)
class Status:
    """The development server of a project; `major` is None while it has none.

    `changed` says that this call started or stopped it, `answers` that it lets us in, and
    `databases` what it holds where it does.
    """

    root: Path
    running: bool
    changed: bool = False
    answers: bool | None = None
    databases: tuple[str, ...] = ()
    major: int | None = None
    target: Target | None = None
    pid: int | None = None
    started: datetime | None = None
    data: Path | None = None
    log: Path | None = None


def status(root: Path, *, ask: bool = False) -> Status:
    """Whether the project has a server, and whether it runs; with `ask` whether it answers."""
    found = _status(Workspace(root), changed=False)
    if not ask or found.target is None:
        return found
    databases = _databases(found.target)
    return replace(found, answers=databases is not None, databases=databases or ())


def _databases(target: Target) -> tuple[str, ...] | None:
    """The databases on the server; None where it does not answer."""
    limit = ("connect_timeout", str(_ANSWER_LIMIT))
    maintenance = replace(target, database=_MAINTENANCE, parameters=(limit,))
    try:
        with SyncConnection(maintenance) as connection:
            return tuple(connection.fetchval(_OWN_DATABASES))
    except DbtoolError:
        return None


def owns(root: Path, target: Target) -> bool:
    """Whether a database is on the project's own server."""
    work = Workspace(root)
    if target.is_socket:
        return Path(target.host) in (work.home, work.short_directory())
    own = status(root).target
    return own is not None and target.is_local and target.port == own.port and not own.is_socket


def target(root: Path) -> Target:
    """The development database; raises ConnectError while its server is stopped."""
    found = status(root)
    if found.target is None:
        raise ConnectError(
            "the local server is not running",
            detail=f"It belongs to the project in {found.root}.",
            hint="Start it with: dbtool local start",
        )
    return found.target


def start(
    root: Path,
    *,
    major: int | None = None,
    port: int | None = None,
    progress: Progress | None = None,
) -> Status:
    """Start the server, or do nothing when it runs; the first start creates it.

    `port` makes it listen on 127.0.0.1 too, now and on later starts; 0 ends that.
    """
    work = Workspace(root)
    if work.major() is None:
        find_binaries(major)
    with work.exclusive():
        _require_major(work, major)
        memory = Memory.read(work.memory, work.root.name)
        changed = work.running() is None
        if changed:
            memory = memory.listening(port)
            _start(work, major, memory, progress or Silent())
        else:
            _require_port(memory, port)
            _complete(work, memory)
        return _status(work, changed=changed)


def stop(root: Path, progress: Progress | None = None) -> Status:
    """Stop the server, ending its sessions; does nothing when it is stopped."""
    work = Workspace(root)
    if not work.directory.is_dir():
        return _status(work, changed=False)
    with work.exclusive():
        changed = work.running() is not None
        shut_down(work, progress or Silent())
        work.remove_short_directory()
        return _status(work, changed=changed)


def psql(root: Path) -> Path:
    """A psql that understands the server."""
    return client("psql", Workspace(root).major() or OLDEST)


def _status(work: Workspace, *, changed: bool) -> Status:
    major = work.major()
    if major is None:
        return Status(work.root, running=False)
    note = work.running()
    return Status(
        root=work.root,
        running=note is not None,
        changed=changed,
        major=major,
        target=_target(note, Memory.read(work.memory, work.root.name)) if note else None,
        pid=note.pid if note else None,
        started=note.started if note else None,
        data=work.data,
        log=work.log,
    )


def _target(note: cluster.Pidfile, memory: Memory) -> Target:
    over_tcp = memory.port is not None
    return Target(
        host="127.0.0.1" if over_tcp else note.socket_directory,
        port=note.port,
        user=cluster.SUPERUSER,
        database=memory.database,
        password=memory.password if over_tcp else None,
        sslmode="disable" if over_tcp else None,
        source="dbtool local",
    )


def _require_major(work: Workspace, major: int | None) -> None:
    made_by = work.major()
    if major is None or made_by is None or major == made_by:
        return
    raise UsageError(
        f"the local server is PostgreSQL {made_by}, not {major}",
        detail=f"Its data directory {work.data} was made by PostgreSQL {made_by}.",
        hint=f"Leave out --pg, or stop it and move {work.home} away to begin anew.",
    )


def _require_port(memory: Memory, port: int | None) -> None:
    if port is None or (port or None) == memory.port:
        return
    now = f"on port {memory.port}" if memory.port else "on its socket only"
    raise UsageError(
        f"the local server is running and listens {now}",
        hint=f"Run: dbtool local stop, then: dbtool local start --port {port}",
    )


def _start(work: Workspace, major: int | None, memory: Memory, progress: Progress) -> None:
    binaries = _binaries(work, major, progress)
    account = work.prepare(progress)
    binaries = runnable(binaries, account)
    if work.major() is None:
        progress.step(f"creating a PostgreSQL {binaries.major} server in {work.home}")
        _create(work, binaries, account)
    _override(work, binaries, account, memory)
    work.forget_dead_server()
    try:
        _launch(work, binaries, account)
        memory.write(work.memory)
        _complete(work, memory)
    except KeyboardInterrupt:
        shut_down(work, progress)
        raise


def _binaries(work: Workspace, major: int | None, progress: Progress) -> Binaries:
    made_by = work.major()
    try:
        found = find_binaries(made_by or major)
    except UsageError as error:
        if made_by is not None:
            error.detail = f"PostgreSQL {made_by} made {work.data}. {error.detail}"
        raise
    if made_by is not None and found.source != VARIABLE and os.environ.get(VARIABLE):
        progress.note(
            f"PostgreSQL {made_by} made {work.data}, so the programs that {VARIABLE} names are not"
            f" used; to begin anew with them, move {work.home} away while it is stopped"
        )
    return found


def _create(work: Workspace, binaries: Binaries, account: Account) -> None:
    """Make the data directory under another name first, so that half of one is never used."""
    with work.new_directory() as new:
        cluster.create(binaries, account, new)
        cluster.configure(account, new / "postgresql.conf", {"include_if_exists": _OVERRIDES})
        new.rename(work.data)


def _override(work: Workspace, binaries: Binaries, account: Account, memory: Memory) -> None:
    """Write the settings that may differ on each start; the rest of the file is the user's."""
    file = work.data / _OVERRIDES
    file.unlink(missing_ok=True)
    settings = {
        "unix_socket_directories": str(work.socket_directory()),
        "unix_socket_permissions": "0700",
        "listen_addresses": "127.0.0.1" if memory.port else "",
        "port": str(memory.port or 5432),
    }
    cluster.configure(account, file, settings | cluster.statistics(binaries))


def _launch(work: Workspace, binaries: Binaries, account: Account) -> None:
    """Start it in the background; it inherits the lock that says it is alive."""
    work.keep_old_log()
    pg_ctl = [*account.prefix, str(binaries.path("pg_ctl"))]
    waiting = ("--wait", f"--timeout={_START_LIMIT}", "--silent")
    with work.server_lock() as lock:
        ran = subprocess.run(
            [*pg_ctl, "start", *waiting, f"--pgdata={work.data}", f"--log={work.log}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=cluster.environment(),
            check=False,
            pass_fds=(lock,),
            start_new_session=True,
            **account.switch,
        )
    if ran.returncode != 0:
        raise OperationError(
            f"the local PostgreSQL {binaries.major} did not start",
            detail=cluster.why_it_failed(work.log) or ran.stderr.strip(),
            hint=f"Its whole log is {work.log}.",
        )


def _complete(work: Workspace, memory: Memory) -> None:
    """Give the server what a start that was killed may have left out."""
    note = _wait_until_ready(work)
    local = Target(note.socket_directory, note.port, cluster.SUPERUSER, _MAINTENANCE)
    with SyncConnection(local) as connection:
        known = connection.fetchval(
            "select exists (select from pg_database where datname = $1)", memory.database
        )
        if not known:
            connection.execute(f'create database "{memory.database}"')
        if memory.port:
            # Neither the log nor the statement statistics may keep the password.
            connection.execute("set log_statement = none; set pg_stat_statements.track = none")
            connection.execute(f"alter role {cluster.SUPERUSER} password '{memory.password}'")


def _wait_until_ready(work: Workspace) -> cluster.Pidfile:
    until = time.monotonic() + _START_LIMIT
    while (note := work.running()) is not None and time.monotonic() < until:
        if note.ready:
            return note
        time.sleep(0.02)
    raise OperationError(
        "the local server is not ready to be used",
        detail=cluster.why_it_failed(work.log),
        hint=f"Its whole log is {work.log}.",
    )
