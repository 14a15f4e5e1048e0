"""What the probe sees of real pools: waits, holders and their lines, time-outs, forks."""

import asyncio
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from dbtool.database.target import Target
from dbtool.health import attach as attaching
from dbtool.health.attach import attach, read_process
from dbtool.probe import install, serving, uninstall
from dbtool.probe.exposition import prometheus

LIMIT = 30.0
HERE = Path(__file__).name


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends of a socket wait for each other, also while the machine stands still."""
    monkeypatch.setattr(attaching, "_PATIENCE", LIMIT)
    monkeypatch.setattr(serving, "_PATIENCE", LIMIT)


@pytest.fixture
def engine(database: Target) -> Iterator[Engine]:
    """A pool of two, that gives up at once, for threads."""
    url = database.sqlalchemy_url().replace("+asyncpg", "+psycopg")
    engine = create_engine(url, pool_size=1, max_overflow=1, pool_timeout=0.05)
    yield engine
    uninstall(engine)
    engine.dispose()


def asynchronous(database: Target, **arguments: Any) -> AsyncEngine:
    """A pool for tasks."""
    return create_async_engine(database.sqlalchemy_url(), **arguments)


def line_of(words: str) -> int:
    """The line of this file that has the words."""
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def take(engine: Engine) -> Any:
    """A function of the application that forgets to give back."""
    return engine.connect()  # the leak of a thread


async def take_awaiting(engine: AsyncEngine) -> AsyncConnection:
    """The same for tasks."""
    return await engine.connect()  # the leak of a task


def take_inside(session: Session) -> None:
    """The same where a task runs code that is written for threads."""
    session.connection()  # the leak inside a greenlet


def test_threads(engine: Engine) -> None:
    """Uses, holders, waits and time-outs are counted; a holder is named by its line."""
    probe = install(engine, threshold=0.0, socket=False)
    assert install(engine) is probe
    with engine.connect():
        pass
    held = [take(engine), take(engine)]
    with pytest.raises(PoolTimeout):
        engine.connect()
    seen = probe.snapshot()
    assert (seen["used"], seen["idle"], seen["pending"], seen["timeouts"]) == (2, 0, 0, 1)
    assert seen["recent"]["wait_longest"] >= 0.05
    assert [seen[each]["count"] for each in ("wait", "use", "create")] == [4, 1, 2]
    first = seen["places"][0]
    assert first["held"] == 2
    inner = first["frames"][0]
    assert (Path(inner["file"]).name, inner["line"]) == (HERE, line_of("the leak of a thread"))
    assert first["frames"][1]["function"] == "test_threads"
    held[0].invalidate()
    held[0].close()
    held[1].detach()
    held[1].close()
    assert (probe.snapshot()["used"], probe.snapshot()["use"]["count"]) == (0, 3)


def test_waiting_callers_are_pending(database: Target) -> None:
    """A caller that waits is pending for as long as it waits."""
    url = database.sqlalchemy_url().replace("+asyncpg", "+psycopg")
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=LIMIT)
    probe = install(engine, socket=False)
    held = engine.connect()
    waiter = threading.Thread(target=lambda: engine.connect().close())
    waiter.start()
    until = threading.Event()
    while not probe.snapshot()["pending"]:
        until.wait(0.005)
    assert probe.snapshot()["oldest_pending"] > 0
    held.close()
    waiter.join(LIMIT)
    assert probe.snapshot()["pending"] == 0
    engine.dispose()
    with engine.connect():
        assert probe.snapshot()["used"] == 1, "a disposed engine has a new pool"
    uninstall(engine)
    with engine.connect():
        assert probe.snapshot()["used"] == 0
    engine.dispose()


def test_statements_are_left_alone(engine: Engine) -> None:
    """With a listener of its own each connection would tell every statement of the engine."""
    told_before = engine._has_events
    install(engine, socket=False)
    assert engine._has_events == told_before


def test_tasks(database: Target) -> None:
    """Behind the greenlet of an asynchronous engine stand the lines of the coroutine."""

    async def run() -> dict[str, Any]:
        engine = asynchronous(database, pool_size=2, max_overflow=0, pool_timeout=0.05)
        probe = install(engine, threshold=0.0, socket=False)
        held = await asyncio.gather(take_awaiting(engine), take_awaiting(engine))
        outcomes = await asyncio.gather(
            *(take_awaiting(engine) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in outcomes] == [PoolTimeout] * 3
        seen = probe.snapshot()
        for each in held:
            await each.close()
        assert probe.snapshot()["used"] == 0
        await engine.dispose()
        return seen

    seen = asyncio.run(run())
    assert (seen["used"], seen["timeouts"], seen["recent"]["timeouts"]) == (2, 3, 3)
    frames = seen["places"][0]["frames"]
    assert frames[0]["line"] == line_of("the leak of a task")
    assert frames[0]["function"] == "take_awaiting"
    assert seen["places"][0]["held"] == 2


def test_tasks_that_run_code_for_threads(database: Target) -> None:
    """First stand the lines inside the greenlet, then those of the coroutine that awaits it."""

    async def run() -> list[dict[str, Any]]:
        engine = asynchronous(database)
        probe = install(engine, threshold=0.0, socket=False)
        async with AsyncSession(engine) as session:
            await session.run_sync(take_inside)
            frames: list[dict[str, Any]] = probe.snapshot()["places"][0]["frames"]
        await engine.dispose()
        return frames

    inner, outer, *_ = asyncio.run(run())
    assert (inner["function"], inner["line"]) == ("take_inside", line_of("the leak inside"))
    assert (outer["function"], outer["line"]) == (
        "test_tasks_that_run_code_for_threads.<locals>.run",
        line_of("run_sync(take_inside)"),
    )


def test_cancelled_waiter_is_not_pending(database: Target) -> None:
    """A task that is cancelled while it waits counts as a failure and waits no longer."""

    async def run() -> dict[str, Any]:
        engine = asynchronous(database, pool_size=1, max_overflow=0)
        probe = install(engine, socket=False)
        async with engine.connect():
            waiter = asyncio.create_task(take_awaiting(engine))
            while not probe.snapshot()["pending"]:
                await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait([waiter])
        await engine.dispose()
        return probe.snapshot()

    seen = asyncio.run(run())
    assert (seen["pending"], seen["failures"], seen["used"]) == (0, 1, 0)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_application_name(database: Target, driver: str) -> None:
    """Connections say whose they are, unless the team has named them."""
    url = database.sqlalchemy_url().replace("+asyncpg", f"+{driver}")
    theirs: dict[str, Any] = {"application_name": "theirs"}
    if driver == "asyncpg":
        theirs = {"server_settings": theirs | {"search_path": "public"}}
    query = text("SELECT current_setting('application_name')")

    async def name(**arguments: Any) -> str:
        engine = create_async_engine(url, poolclass=NullPool, **arguments)
        install(engine, service="shop", socket=False)
        async with engine.connect() as connection:
            return str((await connection.execute(query)).scalar_one())

    own = asyncio.run(name())
    assert own.startswith("shop@")
    assert own.endswith(f":{os.getpid()}")
    assert asyncio.run(name(connect_args=theirs)) == "theirs"


def test_socket(engine: Engine, tmp_path: Path) -> None:
    """The socket is this user's alone, answers in JSON and for Prometheus, and goes away."""
    probe = install(engine, socket=tmp_path)
    path = probe.path
    assert path == tmp_path / f"{os.getpid()}.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    with engine.connect():
        process = read_process(path)
        assert (process.pid, process.used, process.pool.capacity) == (os.getpid(), 1, 2)
        page = prometheus(probe.snapshot())
    assert 'db_client_connection_state="used"} 1\n' in page
    assert "db_client_connection_timeouts_total{" in page
    assert urllib.parse.quote(engine.url.password or "nothing") not in page
    second = create_engine(engine.url)
    other = install(second, socket=tmp_path)
    assert other.path == tmp_path / f"{os.getpid()}-2.sock"
    assert [each.pool.size for each in attach(None, (path, other.path)).processes] == [1, 5]
    uninstall(second)
    uninstall(engine)
    assert list(tmp_path.iterdir()) == []
    assert not event.contains(engine.pool, "checkin", probe._checked_in)


def test_fork(engine: Engine, tmp_path: Path) -> None:
    """A forked worker starts its own count and opens its own socket; its parent keeps its own."""
    probe = install(engine, socket=tmp_path)
    held = engine.connect()
    child = os.fork()
    if child == 0:
        try:
            engine.dispose(close=False)
            with engine.connect():
                own = tmp_path / f"{os.getpid()}.sock"
                seen = read_process(own)
                good = (seen.pid, seen.used, seen.wait.count) == (os.getpid(), 1, 1)
            probe.uninstall()
            os._exit(0 if good and not own.exists() else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert probe.path is not None
    assert read_process(probe.path).used == 1
    held.close()


def test_dead_sockets(engine: Engine, tmp_path: Path) -> None:
    """A killed process leaves its socket; the next probe removes it, and no other file."""
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX);"
        "s.bind(f'{sys.argv[1]}/{os.getpid()}.sock'); s.listen(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / "notes.txt").touch()
    probe = install(engine, socket=tmp_path)
    assert probe.path is not None
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", probe.path.name}


def test_refused_directory_leaves_the_application_alone(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where others may write there is no socket, a warning, and the application goes on."""
    tmp_path.chmod(0o777)
    probe = install(engine, socket=tmp_path)
    assert probe.path is None
    assert "dbtool pool attach cannot work" in caplog.text
    with engine.connect():
        assert probe.snapshot()["used"] == 1


def test_import_hygiene() -> None:
    """The probe costs an application the standard library and SQLAlchemy, and no thread."""
    script = (
        "import sys, threading, dbtool.probe, dbtool.probe.measuring;"
        "assert threading.active_count() == 1;"
        "print(*sorted({n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"typer", "click", "rich", "asyncpg", "pydantic", "alembic", "psycopg"}
    assert set(ran.stdout.split()) & heavy == set()
    assert "sqlalchemy" in ran.stdout
