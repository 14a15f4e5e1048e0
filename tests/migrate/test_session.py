"""Several runs in one process: connections of one run are never used in another unproven."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.migrate import longrunning, reach
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.upgrade import Upgraded, plan, upgrade
from dbtool.migrate.waits import Waited
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.migrate.conftest import Decoy, plain, url
from tests.migrate.projects import MIGRATE, Small, small
from tests.processes import eventually
from tests.proxy import proxy

Open = Callable[[Target], Project]

APPLICATION = f"""
from alembic import context
from application import engine
{MIGRATE}
with engine.connect() as connection:
    migrate(connection)
"""

OPENED = f"""
from alembic import context
from application import connection
{MIGRATE}
migrate(connection)
"""

ASYNC_APPLICATION = f"""
import asyncio
from alembic import context
from application import engine
{MIGRATE}
async def main():
    async with engine.connect() as connection:
        await connection.run_sync(migrate)

asyncio.run(main())
"""


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project whose env.py uses an engine of its application."""
    return small(tmp_path, APPLICATION)


@pytest.fixture
def at(project: Small, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens the project, pointed at a database."""
    monkeypatch.chdir(project.root)
    return lambda target: Project(find(None, None, project.root), target=target)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The application's module, imported before dbtool runs anything."""
    module = ModuleType("application")
    monkeypatch.setitem(sys.modules, "application", module)
    return module


@pytest.fixture
def second(server: Server, database: Target) -> Iterator[Target]:
    """Another database of the same server."""
    name = f"{database.database}_second"
    yield server.create_database(name)
    server.drop_database(name)


def tables(target: Target) -> list[str]:
    """The tables of a database."""
    with SyncConnection(target) as connection:
        rows = connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return sorted(row[0] for row in rows)


DONE = ["alembic_version", "t1", "t2"]


@pytest.mark.parametrize("pool", [None, NullPool, StaticPool])
def test_pool_of_the_application_serves_each_database_in_turn(
    at: Open,
    application: ModuleType,
    decoy: Decoy,
    database: Target,
    second: Target,
    pool: type[NullPool] | None,
) -> None:
    """One engine, imported once: its connections go where each run was pointed."""
    application.engine = create_engine(url(decoy.target), poolclass=pool)  # type: ignore[attr-defined]
    upgrade(at(database))
    upgrade(at(second))
    assert (tables(database), tables(second)) == (DONE, DONE)
    assert decoy.statements() == []


def test_async_pool_of_the_application_survives_its_event_loop(
    at: Open,
    project: Small,
    application: ModuleType,
    decoy: Decoy,
    database: Target,
    second: Target,
) -> None:
    """env.py runs several times, each time in an event loop of its own, on one pooled engine."""
    from sqlalchemy.ext.asyncio import create_async_engine

    project.env(ASYNC_APPLICATION)
    application.engine = create_async_engine(url(decoy.target, "asyncpg"))  # type: ignore[attr-defined]
    upgrade(at(database))
    upgrade(at(second))
    assert (tables(database), tables(second)) == (DONE, DONE)


def test_pooled_connection_from_before(
    at: Open, application: ModuleType, decoy: Decoy, database: Target
) -> None:
    """A connection that was pooled before dbtool listened is not used."""
    engine = create_engine(url(decoy.target))
    engine.connect().close()
    application.engine = engine  # type: ignore[attr-defined]
    upgrade(at(database))
    assert tables(database) == DONE
    engine.dispose()
    assert tables(decoy.target) == []


def test_open_connection_from_before(
    at: Open, project: Small, application: ModuleType, decoy: Decoy, database: Target
) -> None:
    """A connection that was opened before dbtool listened is refused when env.py hands it over."""
    project.env(OPENED)
    engine = create_engine(url(decoy.target))
    with engine.connect() as connection:
        application.connection = connection  # type: ignore[attr-defined]
        with pytest.raises(OperationError, match="connects to another database"):
            upgrade(at(database))
    engine.dispose()
    assert (tables(database), tables(decoy.target)) == ([], [])


def test_open_connection_to_the_named_database(
    at: Open, project: Small, application: ModuleType, database: Target
) -> None:
    """A connection that was opened before, to the right database, proves itself."""
    project.env(OPENED)
    engine = create_engine(url(database))
    with engine.connect() as connection:
        application.connection = connection  # type: ignore[attr-defined]
        upgrade(at(database))
    engine.dispose()
    assert tables(database) == DONE


def test_nothing_is_listened_to_afterwards(
    at: Open, application: ModuleType, decoy: Decoy, database: Target
) -> None:
    """After a run the process's engines work as before, also after a failed one."""
    application.engine = create_engine(url(decoy.target))  # type: ignore[attr-defined]
    upgrade(at(database))
    with pytest.raises(UsageError):
        plan(at(database), "nope")
    engine: Engine = application.engine
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT current_database()").scalar()
    engine.dispose()
    assert found == decoy.target.database


def test_second_run_has_nothing_to_do(at: Open, application: ModuleType, database: Target) -> None:
    """What an upgrade returns, and what the next one does."""
    application.engine = create_engine(url(database))  # type: ignore[attr-defined]
    first, again = upgrade(at(database)), upgrade(at(database))
    assert [step.revision for step in first.revisions] == ["aaaa00000001", "aaaa00000002"]
    assert (first.before, first.after) == ((), ("aaaa00000002",))
    assert again == Upgraded(
        database.shown, database.source, ("aaaa00000002",), ("aaaa00000002",), (), Waited()
    )


def test_connections_are_closed(at: Open, application: ModuleType, database: Target) -> None:
    """Neither our own connection nor one of env.py's outlives the run."""
    application.engine = create_engine(url(database))  # type: ignore[attr-defined]
    upgrade(at(database))
    others = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with SyncConnection(database) as connection:
        assert eventually(lambda: connection.fetchval(others) == 0)


SLOW_BUILD = """
op.execute("CREATE TABLE wide (id int, filler char(1500))")
op.execute("INSERT INTO wide SELECT n, '' FROM generate_series(1, 1000) n")
op.execute('''CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
    IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (0, 7))
    THEN PERFORM pg_sleep(0.02); END IF; RETURN n; END$$''')
op.execute("CREATE INDEX wide_slow ON wide (slow(id))")
"""


class Notes(Silent):
    """Keeps what is noted, and does something for it."""

    def __init__(self, hear: Callable[[str], object]) -> None:
        self.noted: list[str] = []
        self._hear = hear

    def note(self, text: str) -> None:
        """Keep it."""
        self.noted.append(text)
        self._hear(text)


def test_how_far_a_build_is(
    at: Open,
    project: Small,
    application: ModuleType,
    database: Target,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long statement is told of with what the server says of its progress."""
    monkeypatch.setattr(longrunning, "_FIRST", 0.3)
    project.revision("slow", "aaaa00000002", SLOW_BUILD)
    application.engine = create_engine(url(database))  # type: ignore[attr-defined]
    told = re.compile(
        r"still running after [\d.]+ m?s, building index: scanning table:"
        r" \d+ of 200 blocks \(\d+ %\): CREATE INDEX wide_slow ON wide \(slow\(id\)\)"
    )
    with SyncConnection(database) as slows:
        slows.execute("SELECT pg_advisory_lock(7)")
        release = "SELECT pg_advisory_unlock(7)"
        notes = Notes(lambda text: told.fullmatch(text) and slows.execute(release))
        upgrade(at(database), progress=notes)
    assert any(map(told.fullmatch, notes.noted)), notes.noted


FALLS_SILENT = """
import application
op.execute("CREATE TABLE t3 (id int)")
application.fall_silent(op.get_bind())
op.execute("SELECT 1")
"""


@pytest.mark.parametrize("env", [APPLICATION, ASYNC_APPLICATION], ids=["sync", "async"])
def test_network_that_falls_silent(
    at: Open,
    project: Small,
    application: ModuleType,
    database: Target,
    monkeypatch: pytest.MonkeyPatch,
    env: str,
) -> None:
    """The run ends and says so, and the same command goes on where it ended."""
    from sqlalchemy.ext.asyncio import create_async_engine

    monkeypatch.setattr(reach, "SILENCE", 6.0)
    project.env(env)
    project.revision("slow", "aaaa00000002", FALLS_SILENT)
    with proxy(database) as between:
        application.fall_silent = lambda _: between.go_silent()  # type: ignore[attr-defined]
        application.engine = (  # type: ignore[attr-defined]
            create_engine(url(between.target), poolclass=NullPool)
            if env is APPLICATION
            else create_async_engine(url(between.target, "asyncpg"), poolclass=NullPool)
        )
        with pytest.raises(OperationError, match="has not answered for 6") as ended:
            upgrade(at(between.target))
        assert "During revision slow. Where" in ended.value.detail
        between.go_silent(False)
        application.fall_silent = lambda _: None  # type: ignore[attr-defined]
        monkeypatch.setattr(reach, "SILENCE", 60.0)
        done = upgrade(at(between.target))
    assert (done.before, done.after) == ((), ("slow",))
    assert tables(database) == [*DONE, "t3"]


def test_farewell_that_gets_lost(
    at: Open,
    project: Small,
    application: ModuleType,
    database: Target,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session that has ended on the server is not waited for, though nobody told its driver."""
    monkeypatch.setattr(reach, "_FAREWELL", 0.2)
    project.revision("slow", "aaaa00000002", FALLS_SILENT)

    def fall_silent(connection: Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        between.go_silent()
        with SyncConnection(database) as other:
            other.fetchval("SELECT pg_terminate_backend($1)", pid)

    with proxy(database) as between:
        application.fall_silent = fall_silent  # type: ignore[attr-defined]
        application.engine = create_engine(  # type: ignore[attr-defined]
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(plain(between.target)),
            poolclass=NullPool,
        )
        with pytest.raises(OperationError, match=r"^revision slow .*failed") as ended:
            upgrade(at(database))
    assert f"{database.shown} stands at no revision, as before." in ended.value.detail
    assert tables(database) == []


def test_what_the_network_carries(at: Open, application: ModuleType, database: Target) -> None:
    """A database may be far away: few questions, and none about what an array is made of."""
    login = f"database\0{database.database}\0".encode()
    with proxy(database) as between:
        application.engine = create_engine(url(between.target), poolclass=NullPool)  # type: ignore[attr-defined]
        done = upgrade(at(between.target))
        # A stranger may dial the port that the system gave us.
        logins = [each for each in between.connections if login in each.sent]
    ours, *theirs = logins
    assert len(theirs) == done.waited.attempts, [bytes(each.sent) for each in logins]
    assert b"typeinfo" not in ours.sent
    # As long as it takes it looks on: by name, and for those behind it in two round trips.
    looks = ours.sent.count(b"\0dbtool_") + ours.sent.count(b"behind AS")
    assert ours.after_login - looks <= 23 * len(theirs)
    assert all(each.after_login <= 25 for each in theirs)
