"""Seeding where something is in the way: a full disk, a pooler, a lock, another run."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, Interrupted, LockNotObtained, OperationError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed import survey, trouble
from dbtool.seed.plan import Request
from dbtool.seed.run import Loading, plan, seed
from tests.conftest import Dbtool
from tests.disks import small_disk
from tests.pgbouncer import pgbouncer
from tests.processes import eventually
from tests.proxy import proxy

SMALL = Request(rows=50)
CANCEL = (80877102).to_bytes(4)
"""What a request to cancel says it is."""


def users(target: Target) -> int:
    """How many users there are."""
    with SyncConnection(target) as session:
        return int(session.fetchval("SELECT count(*) FROM users"))


def named(target: Target) -> Permission:
    """Consent for a database that is not known to be for development."""
    return Permission(Consent(confirm_database=target.database))


def test_disk_that_is_full(migrated: Target, example: Models) -> None:
    """The table that did not fit is named, no row stays; with space and VACUUM it goes on."""
    space = f"full_{migrated.database}"
    with small_disk("1m") as directory, SyncConnection(migrated) as session:
        session.execute(f"CREATE TABLESPACE {space} LOCATION '{directory}'")
        session.execute(f"ALTER TABLE users SET TABLESPACE {space}")
        try:
            with pytest.raises(OperationError) as caught:
                seed(migrated, example, Request(rows=20_000, tables=("roles", "users")))
            assert users(migrated) == session.fetchval("SELECT count(*) FROM roles") == 0
            subprocess.run(["mount", "-o", "remount,size=2m", directory], check=True)
            session.execute("VACUUM users")
            assert seed(migrated, example, SMALL).rows > 50
        finally:
            session.execute("ALTER TABLE users SET TABLESPACE pg_default")
            session.execute(f"DROP TABLESPACE {space}")
    error = caught.value
    assert error.message == 'the server ran out of disk while "users" was filled'
    assert "No space left on device" in error.detail
    assert error.detail.endswith("The transaction is rolled back: no row was loaded.")
    assert (error.hint, error.exit) == (
        "Free some space, or load fewer rows with --rows."
        " What the rows rolled back took is free again after VACUUM.",
        4,
    )


@contextmanager
def busy(target: Target) -> Iterator[None]:
    """Neighbours that use a pooler all the time."""
    ended = threading.Event()

    def work() -> None:
        with SyncConnection(target) as session:
            while not ended.is_set():
                session.execute("SELECT pg_sleep(0.001)")

    neighbours = [threading.Thread(target=work) for _ in range(3)]
    for each in neighbours:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in neighbours:
            each.join(20)


def test_through_a_transaction_pooler(migrated: Target, example: Models) -> None:
    """Each part is one transaction, so it works among others, and no lock is left behind."""
    direct = plan(migrated, example, SMALL)
    with pgbouncer(migrated) as pooler, busy(pooler.target):
        assert plan(pooler.target, example, SMALL) == direct
        done = seed(pooler.target, example, SMALL, named(migrated))
        assert (done.rows, done.fingerprint) == (direct.rows, direct.fingerprint)
        again = seed(pooler.target, example, SMALL, named(migrated))
        assert users(migrated) == 100
        with SyncConnection(migrated) as session:
            assert (
                session.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
            )
    assert again.rows > 50


def test_a_pooler_is_not_taken_for_this_machine(
    dbtool: Dbtool, project: Path, migrated: Target
) -> None:
    """Where a pooler stands between, nobody knows the server, so its name has to be given."""
    with pgbouncer(migrated) as pooler:
        url = pooler.target.sqlalchemy_url()
        refused = dbtool("seed", "--rows", "20", "--yes", "--url", url, cwd=project)
        agreed = dbtool(
            "seed", "--rows", "20", "--confirm-database", migrated.database, "--url", url,
            cwd=project,
        )  # fmt: skip
    assert refused.code == 2
    assert f'refused to fill the empty tables of "{migrated.database}"' in refused.err
    assert agreed.code == 0, agreed.err
    assert users(migrated) == 20


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose settings name the reference models."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[tool.dbtool]\nmodels = "dbtool.example:Base"\n')
    return root


def test_interrupt_through_a_pooler(project: Path, migrated: Target) -> None:
    """The load is ended on the server too, though the session there is the pooler's."""
    with pgbouncer(migrated, {"default_pool_size": "1"}) as pooler:
        running = subprocess.Popen(
            [Path(sys.executable).parent / "dbtool", "seed", "--rows", "200000", "--url",
             pooler.target.sqlalchemy_url(), "--confirm-database", migrated.database],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert running.stderr is not None
        assert "event=override" in running.stderr.readline()
        assert "oading" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (130, "")
        assert "The transaction is rolled back: no row was loaded." in err
        with SyncConnection(pooler.target) as session:
            assert session.fetchval("SELECT count(*) FROM users") == 0


def test_a_second_run_is_told_of_the_first(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """Two commands at once: one loads, the other says so and exits 5; rows are there once."""
    url = migrated.sqlalchemy_url()
    program = str(Path(sys.executable).parent / "dbtool")
    command = [program, "seed", "--rows", "300000", "--url", url]
    copies = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'dbtool seed'"
        " AND datname = current_database() AND query LIKE 'COPY %')"
    )
    with (
        SyncConnection(migrated) as other,
        subprocess.Popen(
            command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as first,
    ):
        assert first.stderr is not None
        assert "oading" in first.stderr.readline()
        # It says so before it has the lock.
        assert eventually(lambda: other.fetchval(copies))
        second = dbtool("seed", "--rows", "10", "--url", url, cwd=project)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert (second.code, first.returncode) == (5, 130)
    assert "error: another dbtool seed is filling this database\n" in second.err
    assert users(migrated) == 0


def test_a_table_that_is_locked_while_it_is_looked_at(migrated: Target, example: Models) -> None:
    """A migration holds the table: it is told instead of waited for behind its lock."""
    with SyncConnection(migrated) as other:
        other.execute("BEGIN; LOCK users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockNotObtained) as caught:
            plan(migrated, example, SMALL)
    assert caught.value.message == "a table of the models is locked by another session"


def test_a_value_that_the_server_refuses(database: Target) -> None:
    """The column is named, which the server only says in passing."""

    async def copied(connection: Connection) -> DbtoolError:
        await connection.execute("CREATE TABLE t (a int, size int)")

        async def rows() -> AsyncIterator[bytes]:
            yield b"1\tlarge\n"

        with pytest.raises(PostgresError) as caught:
            await connection.copy_to_table("t", source=rows(), format="text")
        return trouble.told(caught.value, "t")

    with SyncConnection(database) as session:
        error = session.run(copied)
    assert (error.message, error.exit) == ('cannot fill "t", column "size"', 4)
    assert error.detail == (
        'InvalidTextRepresentationError: invalid input syntax for type integer: "large"\n'
        "The transaction is rolled back: no row was loaded."
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_lock_timeouts_hold_where_a_pooler_drops_them(
    migrated: Target, example: Models, *, dry_run: bool
) -> None:
    """PgBouncer may drop start-up options without a word; a locked table is not waited for."""
    drop = {"ignore_startup_parameters": "jit,lock_timeout,default_transaction_read_only"}
    with pgbouncer(migrated, drop) as pooler, SyncConnection(migrated) as other:
        other.execute("BEGIN; LOCK users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockNotObtained):
            seed(pooler.target, example, SMALL, named(migrated), loading=Loading(dry_run=dry_run))


def test_statistics_are_fresh_through_a_pooler(migrated: Target, example: Models) -> None:
    """ANALYZE runs within the limits and is kept."""
    with pgbouncer(migrated) as pooler:
        seed(pooler.target, example, SMALL, named(migrated))
    with SyncConnection(migrated) as session:
        assert session.fetchval("SELECT reltuples FROM pg_class WHERE relname = 'users'") == 50


def test_looking_costs_few_round_trips(migrated: Target, example: Models) -> None:
    """The catalogue, the rows, a sample of ours; parents not filled add their keys only."""

    def asked(request: Request) -> int:
        with proxy(migrated) as through, SyncConnection(through.target) as session:
            session.run(lambda connection: survey.survey(connection, example, request))
            (traffic,) = through.connections
            return traffic.requests

    # The driver looks up the types of what it sends with a sample, once per session.
    assert asked(SMALL) <= 12
    assert asked(Request(rows=50, tables=("posts",))) == 6


class Watched(Silent):
    """Counts the blocks of rows that went out, and calls a function after the first.

    Each that follows takes a pause longer, so that few of them go out while somebody is late.
    """

    def __init__(self, after_first: Callable[[], None], pause: float = 0.0) -> None:
        self.blocks = 0
        self._after_first = after_first
        self._pause = pause

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:  # noqa: ARG002
        """Count one block."""
        self.blocks += 1
        if self.blocks == 1:
            self._after_first()
        else:
            time.sleep(self._pause)


def test_an_interrupt_between_handing_over_and_waiting(
    migrated: Target,
    example: Models,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The copy that has begun ends: it does not go on writing to a connection that is closed."""
    hand_over, began = asyncio.run_coroutine_threadsafe, threading.Event()
    watched = Watched(began.set, pause=0.2)

    def interrupted(work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Any:
        future = hand_over(work, loop)
        while not future.done():
            if began.wait(0.01):
                monkeypatch.undo()
                raise KeyboardInterrupt
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(Interrupted):
        seed(migrated, example, Request(rows=300_000, tables=("users",)), progress=watched)
    assert watched.blocks < 60, "of 74"
    assert "socket.send()" not in caplog.text
    assert users(migrated) == 0


def test_a_connection_lost_in_the_middle_of_a_copy(
    migrated: Target, example: Models, caplog: pytest.LogCaptureFixture
) -> None:
    """The load stops there and says so; it makes no more rows for nobody."""

    def lose() -> None:
        with SyncConnection(migrated) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE application_name = 'dbtool seed' AND datname = current_database()"
            )

    watched = Watched(lose)
    with pytest.raises(OperationError) as caught:
        seed(migrated, example, Request(rows=50_000), progress=watched)
    assert caught.value.message == 'the connection was lost while "categories" was filled'
    assert caught.value.detail.endswith("The transaction is rolled back: no row was loaded.")
    assert watched.blocks == 1
    assert "socket.send()" not in caplog.text
    assert users(migrated) == 0


def test_a_lost_server_is_asked_to_cancel_before_the_command_ends(
    migrated: Target,
    example: Models,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only the network ended the session, its statement may run on; asyncio tells nothing."""
    monkeypatch.setattr("dbtool.database.sync._FAREWELL", 60.0)
    with proxy(migrated) as way:

        def lose() -> None:
            way.delay = 0.2
            way.cut()

        preferring = replace(way.target, sslmode=None)
        request = Request(rows=50_000, tables=("users",))
        with pytest.raises(OperationError) as caught:
            seed(preferring, example, request, progress=Watched(lose))
        assert [each for each in way.connections if CANCEL in each.sent]
    gc.collect()
    assert "never retrieved" not in caplog.text
    assert caught.value.message == 'the connection was lost while "users" was filled'


def test_a_connection_lost_while_the_server_takes_no_more(
    migrated: Target, example: Models
) -> None:
    """A server that stopped reading and then went away does not keep the command for ever."""
    watched = Watched(lambda: stopping.start())

    def stop_and_end() -> None:
        with SyncConnection(migrated) as other:
            pid = other.fetchval(
                "SELECT pid FROM pg_stat_activity"
                " WHERE application_name = 'dbtool seed' AND datname = current_database()"
            )
            os.kill(pid, signal.SIGSTOP)
            try:
                settled(lambda: watched.blocks)
                other.execute("SELECT pg_terminate_backend($1::int)", pid)
            finally:
                os.kill(pid, signal.SIGCONT)

    stopping = threading.Thread(target=stop_and_end)
    with pytest.raises(OperationError) as caught:
        seed(migrated, example, Request(rows=3_000_000, tables=("users",)), progress=watched)
    stopping.join()
    assert caught.value.message == 'the connection was lost while "users" was filled'
    assert users(migrated) == 0


def settled(count: Callable[[], int]) -> None:
    """Return when a number has not changed for a while."""
    last = -1
    while last != (now := count()):
        last = now
        time.sleep(0.5)
