"""The development server: kept across starts, shared by processes, and sound after a crash."""

import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError, LockNotObtained, OperationError, UsageError
from dbtool.guard import expect
from dbtool.ports import Silent
from dbtool.scratch import cluster, leftovers, local, shutdown, workspace
from dbtool.scratch.account import server_account
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.local import Status
from dbtool.scratch.workspace import Workspace
from tests.conftest import MAJOR
from tests.interrupts import BEGIN, interrupted
from tests.processes import eventually, finish, line, python, using
from tests.scratch.test_binaries import fake

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


@dataclasses.dataclass
class Told(Silent):
    """A Progress that remembers its notes."""

    notes: list[str] = dataclasses.field(default_factory=list)

    def note(self, text: str) -> None:
        """Remember it."""
        self.notes.append(text)


START = """
import sys
from pathlib import Path
from dbtool.scratch import local
print('imported', flush=True)
print(local.start(Path(sys.argv[1]), major=int(sys.argv[2])).changed, flush=True)
"""


@pytest.fixture
def project() -> Iterator[Path]:
    """A project that any account can reach; what it started is stopped."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        root = Path(name) / "my-shop"
        root.mkdir()
        yield root
        local.stop(root)
        assert eventually(lambda: not using(root))


@pytest.fixture(scope="module")
def first_start() -> Iterator[Path]:
    """The `.dbtool` of a project whose server was started and stopped once."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        root = Path(name) / "my-shop"
        root.mkdir()
        Path(name).chmod(0o755)
        local.start(root, major=MAJOR)
        local.stop(root)
        yield root / ".dbtool"


@pytest.fixture
def made(project: Path, first_start: Path) -> Path:
    """A project that has a server, which is stopped."""
    subprocess.run(["cp", "-a", first_start, project], check=True)
    return project


def start(root: Path, port: int | None = None) -> Status:
    """Start a server of the version the tests run on."""
    return local.start(root, major=MAJOR, port=port)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def value(target: Target, sql: str) -> object:
    """The one value a query gives."""
    with SyncConnection(target) as connection:
        return connection.fetchval(sql)


def test_a_project_without_a_server(project: Path) -> None:
    """Asking changes nothing on disk."""
    assert local.status(project) == Status(project, running=False)
    assert local.stop(project) == Status(project, running=False)
    with pytest.raises(ConnectError) as caught:
        local.target(project)
    assert caught.value.hint == "Start it with: dbtool local start"
    assert list(project.iterdir()) == []


def test_data_is_kept_and_nothing_is_open(project: Path) -> None:
    """The database has the project's name, survives a restart, and only we can reach it."""
    started = start(project)
    target = local.target(project)
    assert started.changed
    assert started.running
    assert started == dataclasses.replace(local.status(project), changed=True)
    assert target.database == "my_shop"
    assert expect(target, None).reason == "dbtool started this server itself"
    assert value(target, "show listen_addresses") == ""
    assert value(target, "show fsync") == "on"
    assert value(target, "show shared_preload_libraries") == "pg_stat_statements"
    with SyncConnection(target) as connection:
        connection.execute("create table kept as select 1 as x")
    again = start(project)
    assert (again.changed, again.pid) == (False, started.pid)
    assert local.stop(project).changed
    assert not local.status(project).running
    assert not local.stop(project).changed
    start(project)
    assert value(local.target(project), "select x from kept") == 1
    assert (project / ".dbtool/.gitignore").read_text() == "*\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in project.glob(".dbtool/*")}
    assert modes["postgres"] == 0o700
    assert modes["local.json"] == 0o600


def test_processes_that_start_it_at_once_share_it(project: Path) -> None:
    """Exactly one of several concurrent starts creates the server; all succeed."""
    processes = [python(START, project, MAJOR) for _ in range(3)]
    answers = sorted(finish(process).split() for process in processes)
    assert answers == [["imported", "False"], ["imported", "False"], ["imported", "True"]]
    assert value(local.target(project), "select 1") == 1


def test_tcp_is_switched_on_and_off(made: Path) -> None:
    """A port is remembered and protected by a password that stays the same; 0 ends it."""
    port = free_port()
    start(made)
    with pytest.raises(UsageError) as caught:
        start(made, port=port)
    assert caught.value.message == "the local server is running and listens on its socket only"
    assert caught.value.hint.endswith(f"dbtool local start --port {port}")
    local.stop(made)
    start(made, port=port)
    first = local.target(made)
    assert (first.host, first.port) == ("127.0.0.1", port)
    assert value(first, "select inet_server_port()") == port
    with pytest.raises(ConnectError):
        SyncConnection(Target(first.host, port, first.user, first.database, password="x"))
    local.stop(made)
    start(made)
    assert local.target(made) == first
    assert local.target(made).password == first.password
    assert first.password
    assert first.password not in str(local.status(made))
    local.stop(made)
    start(made, port=0)
    assert local.target(made).is_socket


def test_a_taken_port_is_told_and_not_remembered(made: Path) -> None:
    """A start that fails leaves the settings of the last one that worked."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(OperationError) as caught:
            start(made, port=port)
        assert "Address already in use" in caught.value.detail
        assert not local.status(made).running
        start(made)
        assert local.target(made).is_socket


def test_another_version_is_named(made: Path) -> None:
    """A data directory belongs to the version that made it."""
    start(made)
    for running in (True, False):
        with pytest.raises(UsageError) as caught:
            local.start(made, major=MAJOR - 1)
        assert caught.value.message == f"the local server is PostgreSQL {MAJOR}, not {MAJOR - 1}"
        assert str(made / ".dbtool/postgres/data") in caught.value.detail
        if running:
            local.stop(made)
    (made / ".dbtool/postgres/data/PG_VERSION").write_text("11\n")
    with pytest.raises(UsageError) as caught:
        local.start(made)
    assert caught.value.message == "no server programs of PostgreSQL 11 on this machine"
    assert caught.value.detail.startswith(f"PostgreSQL 11 made {made}/.dbtool/postgres/data.")


def test_programs_that_data_are_not_of(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others than DBTOOL_PG_BIN names run the server, which is said."""
    real, programs, told = find_binaries(MAJOR).directory, fake(tmp_path / "bin", "11.2"), Told()
    monkeypatch.setenv("PATH", f"{real}:{os.environ['PATH']}")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(programs))
    assert local.start(made, progress=told).major == MAJOR
    assert told.notes == [
        f"PostgreSQL {MAJOR} made {made}/.dbtool/postgres/data, so the programs that DBTOOL_PG_BIN"
        f" names are not used; to begin anew with them, move {made}/.dbtool/postgres away while it"
        " is stopped"
    ]


def test_a_crashed_server_is_started_again(made: Path) -> None:
    """After kill -9 the server counts as stopped, and its data is recovered."""
    started = start(made)
    with SyncConnection(local.target(made)) as connection:
        connection.execute("create table kept as select 1 as x")
    assert started.pid
    os.kill(started.pid, signal.SIGKILL)
    assert eventually(lambda: not local.status(made).running)
    assert start(made).changed
    assert value(local.target(made), "select x from kept") == 1


def test_a_process_number_of_another_is_no_server(made: Path) -> None:
    """After a reboot the number in a stale file may belong to anyone, even to us."""
    start(made)
    note = Workspace(made).data / "postmaster.pid"
    stale = note.read_text().split("\n", 1)[1]
    local.stop(made)
    note.write_text(f"{os.getpid()}\n{stale}")
    assert not local.status(made).running
    assert not local.stop(made).changed
    assert start(made).changed
    assert value(local.target(made), "select 1") == 1


@pytest.mark.parametrize(
    ("number", "delay"), [(signal.SIGINT, 0.1), (signal.SIGINT, 0.5), (signal.SIGKILL, 0.4)]
)
def test_an_interrupted_start_can_be_repeated(
    project: Path, number: signal.Signals, delay: float
) -> None:
    """Wherever a start is cut off, the next one completes it; Ctrl-C leaves nothing running."""
    starting = python(START, project, MAJOR)
    line(starting)
    time.sleep(delay)
    os.killpg(starting.pid, number)
    out, err = starting.communicate()
    # One that comes when the server is complete, and before that is told, leaves it running.
    begun = ", in _start\n" in err or not local.status(project).running
    if number == signal.SIGINT and "True" not in out and begun:
        assert not local.status(project).running
        assert eventually(lambda: not using(project))
    start(project)
    assert value(local.target(project), "select current_database()") == "my_shop"
    assert [path.name for path in (project / ".dbtool/postgres").glob("new-*")] == []


@needs_root
@pytest.mark.parametrize("reached", [True, False])
def test_a_place_that_an_interrupt_met_is_of_use(project: Path, reached: bool) -> None:
    """Ctrl-C right behind the call that makes the server's directory leaves it whole, and known."""
    if not reached:
        project.chmod(0o700)
    program = f"""
from dbtool.scratch import workspace
workspace.OUTSIDE = Path(sys.argv[2])
work = workspace.Workspace(Path("."))
work.directory.mkdir()
workspace.OUTSIDE.mkdir()
{BEGIN}
work.prepare()
"""
    interrupted(program, "mkdir", project.parent / "lib", directory=project)
    home = Workspace(project).home
    assert home.is_relative_to(project) is reached
    assert home.stat().st_uid == server_account().uid
    assert home.with_name(f"{home.name}.json").exists() is not reached


def test_a_copy_in_the_making_goes(tmp_path: Path) -> None:
    """Ctrl-C right behind the call that makes its directory leaves no half of the programs."""
    program = f"""
from dbtool.scratch.account import _copy
for part in ("bin", "lib", "share"):
    Path("programs/pginstall", part).mkdir(parents=True)
Path("cache").mkdir()
{BEGIN}
_copy(Path("programs").absolute(), Path("cache/goal").absolute())
"""
    interrupted(program, "mkdir", directory=tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_what_an_interrupted_initdb_still_writes_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of it that ends late puts a file back; no half of a server stays."""
    removed = shutil.rmtree
    late = ["global"]

    def written_behind(path: Path, ignore_errors: bool) -> None:
        removed(path, ignore_errors=ignore_errors)
        if late:
            (path / late.pop()).mkdir(parents=True)

    monkeypatch.setattr(shutil, "rmtree", written_behind)
    work = Workspace(tmp_path)
    work.home.mkdir(parents=True)
    with work.new_directory() as new:
        new.mkdir()
    assert (late, list(work.home.iterdir())) == ([], [])


def test_the_lock_outlives_whoever_started_the_server(made: Path) -> None:
    """Processes of a server hold its lock, which shows it where their numbers do not."""
    finish(python(START, made, MAJOR))
    work = Workspace(made)
    assert work.alive()
    note = work.data / "postmaster.pid"
    content = note.read_text()
    note.unlink()
    assert work.alive()
    note.write_text(content)
    local.stop(made)
    assert not work.alive()


def test_a_start_in_progress_is_waited_for_but_not_forever(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that holds the lock is named."""
    monkeypatch.setattr(workspace, "_LOCK_LIMIT", 0.1)
    with Workspace(project).exclusive(), pytest.raises(LockNotObtained) as caught:
        start(project)
    assert caught.value.detail.startswith(f"It is process {os.getpid()} ")


def test_a_long_path_gets_a_short_socket(project: Path) -> None:
    """A socket's path may have 107 bytes; a deep project has its socket in /tmp."""
    deep = project / ("d" * 120)
    deep.mkdir()
    start(deep)
    host = Path(local.target(deep).host)
    assert value(local.target(deep), "select 1") == 1
    assert stat.S_IMODE(host.stat().st_mode) == 0o700
    local.stop(deep)
    start(deep)
    assert local.target(deep).host == str(host)
    local.stop(deep)
    assert not host.exists()


def test_a_damaged_memory_is_named(project: Path) -> None:
    """The file that cannot be read is shown, with what to do."""
    (project / ".dbtool").mkdir()
    (project / ".dbtool/local.json").write_text("{")
    with pytest.raises(UsageError) as caught:
        start(project)
    assert caught.value.message == f"cannot read {project}/.dbtool/local.json"


def test_a_server_that_fails_shows_its_log(made: Path) -> None:
    """What the server said last is the detail of the error."""
    with (Workspace(made).data / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = nonsense\n")
    with pytest.raises(OperationError) as caught:
        start(made)
    assert 'invalid value for parameter "shared_buffers": "nonsense"' in caught.value.detail


def test_what_a_server_was_not_built_for_is_told(tmp_path: Path) -> None:
    """The line before the last one names what the configuration asks for in vain."""
    log, logged = tmp_path / "log", "2026-11-21 18:43:16.578 UTC [2686] "
    lines = "LOG:  SSL is not supported by this build", "FATAL:  configuration contains errors"
    log.write_text("".join(f"{logged}{line}\n" for line in ("LOG:  starting", *lines)))
    assert cluster.why_it_failed(log) == "\n".join(lines)


def test_stopping_a_server_that_hangs(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told, and then which process it is; old complaints are no cause."""
    pid = start(made).pid
    assert pid is not None
    with pytest.raises(Exception, match="nothere"):
        value(local.target(made), "select 1 from nothere")
    told = Told()
    os.kill(pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as short:
            short.setattr(shutdown, "_STOP_PATIENCE", 0.1)
            short.setattr(shutdown, "_STOP_LIMIT", 0.5)
            with pytest.raises(OperationError) as raised:
                local.stop(made, told)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert told.notes == ["the server has not ended yet; waiting for up to 0.5 s"]
    assert raised.value.message == "the local server does not stop"
    assert (
        raised.value.detail == f"Process {pid} has been asked to end for 0.5 s and is still there."
    )
    assert raised.value.hint.startswith(f"kill -QUIT {pid} ends it at once")


def test_a_server_out_of_sight_is_not_signalled(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from outside its container, the number it noted belongs to somebody else."""
    start(made)
    note = Workspace(made).data / "postmaster.pid"
    stale = note.read_text().split("\n", 1)[1]
    local.stop(made)
    with subprocess.Popen(["sleep", "60"]) as other, Workspace(made).server_lock():
        note.write_text(f"{other.pid}\n{stale}")
        with monkeypatch.context() as short:
            short.setattr(shutdown, "_STOP_LIMIT", 0.5)
            with pytest.raises(OperationError) as raised:
                local.stop(made)
        note.unlink()
        assert other.poll() is None
        other.kill()
    assert (raised.value.message, raised.value.hint) == (
        "the local server is alive and cannot be seen from here",
        "Was it started in a container? Run dbtool local stop there.",
    )


def test_copies_of_programs_that_nobody_uses_go(tmp_path: Path) -> None:
    """A copy that was used lately, or that a process runs from, stays."""
    long_ago = time.time() - 30 * 86_400
    for name in ("new", "recent", "running", "unused", ".new-cut-off"):
        (tmp_path / name).mkdir()
    program = tmp_path / "running/sleep"
    shutil.copy("/bin/sleep", program)
    for path in tmp_path.iterdir():
        if path.name != "recent":
            os.utime(path, (long_ago, long_ago))
    with subprocess.Popen([program, "60"]) as running:
        try:
            leftovers.sweep_copies(tmp_path, keep=tmp_path / "new")
            assert sorted(each.name for each in tmp_path.iterdir()) == ["new", "recent", "running"]
        finally:
            running.kill()
    leftovers.sweep_copies(tmp_path, keep=tmp_path / "new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new", "recent"]


@needs_root
def test_what_outlives_its_project_goes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data outside is swept when its project is long gone, and never while there is any doubt."""
    outside, day = project / "lib", 86_400
    monkeypatch.setattr(workspace, "OUTSIDE", outside)
    outside.mkdir()
    homes = {name: outside / name for name in ("gone", "moved", "kept", "fresh", "unmounted")}
    for name, home in homes.items():
        home.mkdir()
        (project / f"{name}.link").symlink_to(home)
        leftovers.register(home, project / f"{name}.link")
        long_ago = time.time() - (1 if name == "fresh" else 30) * day
        for path in (home, outside / f"{name}.json"):
            os.utime(path, (long_ago, long_ago))
    note = outside / "unmounted.json"
    note.write_text(note.read_text().replace('"device": ', '"device": 99'))
    os.utime(note, (0, 0))
    for name in ("gone", "fresh", "unmounted", "moved"):
        (project / f"{name}.link").unlink()
    (project / "elsewhere").symlink_to(homes["moved"])
    leftovers.register(homes["moved"], project / "elsewhere")
    assert list(leftovers.sweep(outside)) == [homes["gone"]]
    assert sorted(path.name for path in outside.iterdir() if path.is_dir()) == [
        *("fresh", "kept", "moved", "unmounted")
    ]
    assert not (outside / "gone.json").exists()


@needs_root
def test_data_outside_belongs_to_its_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the project is out of reach its data is registered, also after a move."""
    monkeypatch.setattr(workspace, "OUTSIDE", project / "lib")
    closed = tmp_path / "home" / "shop"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    with Workspace(closed).exclusive():
        Workspace(closed).prepare()
    home = Workspace(closed).home
    note = home.with_name(f"{home.name}.json")
    assert json.loads(note.read_text())["link"] == str(closed / ".dbtool/postgres")
    closed.rename(closed.with_name("moved"))
    Workspace(closed.with_name("moved")).prepare()
    assert json.loads(note.read_text())["link"] == str(tmp_path / "home/moved/.dbtool/postgres")
    assert note.stat().st_uid == 0


@needs_root
def test_a_normal_user_and_root_share_it(project: Path) -> None:
    """A user's server is the user's; root, starting it again, acts for that user."""
    os.chown(project, 65534, 65534)
    finish(python(START, project, MAJOR, user=65534))
    assert local.status(project).running
    assert value(local.target(project), "select 1") == 1
    local.stop(project)
    start(project)
    assert Workspace(project).data.stat().st_uid == 65534
    assert Workspace(project).log.stat().st_uid == 65534
    again = python(START, project, MAJOR, user=65534)
    assert finish(again).split() == ["imported", "False"]


@needs_root
def test_another_users_server_is_left_alone(made: Path) -> None:
    """Who may not enter the directory is told whose it is to blame."""
    start(made)
    intruder = python(START, made, MAJOR, user=65534)
    _, err = intruder.communicate()
    assert re.search(rf"{made}/\.dbtool/(postgres|local\.lock) belongs to another user", err)


@needs_root
def test_a_project_in_a_closed_home(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server's account cannot reach root's project, a link leads to where it can."""
    monkeypatch.setattr(workspace, "OUTSIDE", project / "lib")
    closed = tmp_path / "home" / "shop"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    start(closed)
    assert value(local.target(closed), "select current_database()") == "shop"
    assert Workspace(closed).home.parent == project / "lib"
    assert stat.S_IMODE(closed.parent.stat().st_mode) == 0o700
    local.stop(closed)
    subprocess.run(["rm", "-r", Workspace(closed).home], check=True)
    Workspace(closed).prepare()
    assert Workspace(closed).home.is_dir()


def test_a_project_that_cannot_be_written(project: Path) -> None:
    """A file where the directory should be is told, not overwritten."""
    (project / ".dbtool").write_text("")
    with pytest.raises(UsageError) as caught:
        start(project)
    assert caught.value.message == f"cannot keep a server in {project}/.dbtool"
    (project / ".dbtool").unlink()
