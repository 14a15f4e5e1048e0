"""Connecting to a real server, and the synchronous connection."""

import asyncio
import gc
import os
import signal
import sys
import threading
import warnings
from asyncio import base_events, tasks
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

from dbtool.database import sync
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError
from tests.logins import LIMITS, login
from tests.processes import eventually
from tests.proxy import proxy


def test_settings_travel_as_start_up_options(database: Target) -> None:
    """Read-only and the limits are in force from the first statement."""
    assert login(database) == "off 0 0"
    assert login(database, read_only=True, settings=LIMITS) == "on 100ms 30s"


def test_it_shows_up_as_dbtool(connection: SyncConnection) -> None:
    """The application name says who is there."""
    assert connection.fetchval("SELECT current_setting('application_name')") == "dbtool"


def test_no_variable_leads_a_target_elsewhere(
    database: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What asyncpg reads from the environment by itself has no say once a target is made."""
    variables = {
        "PGHOST": "nowhere.invalid",
        "PGHOSTADDR": "10.255.255.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "PGPASSWORD": "wrong",
        "PGPASSFILE": str(tmp_path / "none"),
        "PGSERVICE": "none",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/nope",
        "PGSSLNEGOTIATION": "direct",
        "PGTARGETSESSIONATTRS": "standby",
        "PGOPTIONS": "-c nonsense=1",
        "PGAPPNAME": "other",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with SyncConnection(database) as connection:
        row = connection.fetchrow("SELECT current_user, current_database()")
    assert row is not None
    assert tuple(row) == (database.user, database.database)


def test_as_few_round_trips_as_there_can_be(database: Target) -> None:
    """One to log in with trust, two for a statement; asking for TLS first costs one more."""
    with proxy(database) as between:
        login(replace(between.target, sslmode="disable"), read_only=True, settings=LIMITS)
        login(between.target, read_only=True, settings=LIMITS)
        trips = [(each.login_round_trips, each.after_login) for each in between.connections]
    assert trips == [(1, 2), (2, 2)]


def test_the_engine_url_leads_to_the_same_database(database: Target) -> None:
    """SQLAlchemy's asyncpg dialect takes the URL we write for a socket."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def run() -> object:
        engine = create_async_engine(database.sqlalchemy_url())
        async with engine.connect() as connection:
            found: object = (await connection.execute(text("SELECT current_database()"))).scalar()
        await engine.dispose()
        return found

    assert asyncio.run(run()) == database.database


@pytest.mark.parametrize("mode", [None, "verify-full"])
def test_no_certificate_is_wanted_for_a_socket(
    database: Target, monkeypatch: pytest.MonkeyPatch, mode: str | None
) -> None:
    """Neither PGSSLMODE nor the URL makes the engine ask for TLS there, as libpq never does."""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    test_the_engine_url_leads_to_the_same_database(replace(database, sslmode=mode))


def test_rows_values_and_tags(connection: SyncConnection) -> None:
    """The synchronous connection returns what asyncpg returns."""
    connection.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)")
    assert [tuple(row) for row in connection.fetch("SELECT n FROM t ORDER BY n")] == [(1,), (2,)]
    assert connection.fetchrow("SELECT n FROM t WHERE n = $1", 3) is None
    assert connection.fetchval("SELECT sum(n) FROM t") == 3
    assert connection.execute("DELETE FROM t WHERE n = $1", 1) == "DELETE 1"


def test_ctrl_c_cancels_on_the_server(database: Target) -> None:
    """Once KeyboardInterrupt arrives nothing of ours is still running there."""
    connection = SyncConnection(database)

    def running() -> bool:
        asked = f"SELECT state = 'active' FROM pg_stat_activity WHERE pid = {pid}"
        with SyncConnection(database) as other:
            return other.fetchval(asked) is True

    def interrupt() -> None:
        if eventually(running):
            os.kill(os.getpid(), signal.SIGINT)

    pid = connection.fetchval("SELECT pg_backend_pid()")
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        connection.execute("SELECT pg_sleep(600)")
    assert eventually(lambda: not running())
    assert connection.fetchval("SELECT 1") == 1
    connection.close()


def interrupted(call: int, work: Callable[[], object]) -> bool:
    """Whether `work` came as far as that call of the connection's own code, and ended there."""
    calls = count(1)

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        ours = frame.f_code.co_filename in (sync.__file__, tasks.__file__, base_events.__file__)
        if ours and "call" in event and next(calls) == call:
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_ctrl_c_before_the_work_begins(database: Target) -> None:
    """At whatever call it comes, Python tells of no coroutine that nobody awaited."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for call in count(1):
            with SyncConnection(database) as connection:
                came = interrupted(call, lambda: connection.fetchval("SELECT 1"))
            gc.collect()
            if not came:
                break
    assert call > 4
    assert [str(each.message) for each in told] == []


def test_closing_twice_is_harmless(database: Target) -> None:
    """A second close, and a close after the server ended the session, do nothing."""
    first = SyncConnection(database)
    with SyncConnection(database) as second:
        second.execute("SELECT pg_terminate_backend($1)", first.fetchval("SELECT pg_backend_pid()"))
    first.close()
    first.close()


def test_no_thread_is_left_behind(database: Target) -> None:
    """Neither a closed connection nor a failed login leaves its thread running."""
    before = set(threading.enumerate())
    with SyncConnection(database):
        assert len(set(threading.enumerate()) - before) == 1
    with pytest.raises(ConnectError):
        SyncConnection(database.with_database("nope"))
    assert set(threading.enumerate()) <= before


def test_an_error_of_ours_stays_what_it_is(database: Target) -> None:
    """A mistake of the program is not dressed up as a connection that failed."""
    with pytest.raises(TypeError):
        login(database, timeout="soon")


def test_the_connection_is_asyncpgs_own(connection: SyncConnection) -> None:
    """Families get asyncpg's interface, COPY and transactions included."""
    assert isinstance(connection.connection, Connection)
    assert connection.connection.refused == ""
    assert connection.connection.begin == ""


def test_an_interrupt_while_the_work_is_handed_over(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement that runs already is cancelled, although its future is not known yet."""
    hand_over = asyncio.run_coroutine_threadsafe
    with SyncConnection(database) as session, SyncConnection(database) as onlooker:
        pid = session.fetchval("SELECT pg_backend_pid()")
        runs = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"

        def interrupted(
            work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
        ) -> NoReturn:
            monkeypatch.undo()
            hand_over(work, loop)
            assert eventually(lambda: bool(onlooker.fetchval(runs)))
            raise KeyboardInterrupt

        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.execute("SELECT pg_sleep(600)")
        assert eventually(lambda: not onlooker.fetchval(runs))
        assert session.fetchval("SELECT 1") == 1
