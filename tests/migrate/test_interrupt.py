"""Ctrl-C and SIGTERM during a long revision: cancelled on the server, the state said, exit 130."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.migrate.conftest import plain
from tests.migrate.projects import FROM_CONFIG, MIGRATE, Small
from tests.processes import eventually

Tables = Callable[[], list[str]]

ASYNC = f"""
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import async_engine_from_config
{MIGRATE}
async def main():
    engine = async_engine_from_config(context.config.get_section("alembic"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)

asyncio.run(main())
"""

IN_A_THREAD = ASYNC.replace("import asyncio\n", "import asyncio, concurrent.futures\n").replace(
    "asyncio.run(main())",
    "with concurrent.futures.ThreadPoolExecutor() as executor:\n"
    "    executor.submit(asyncio.run, main()).result()",
)

SYNC_IN_A_THREAD = f"""
import concurrent.futures
from alembic import context
from sqlalchemy import engine_from_config
{MIGRATE}
def main():
    with engine_from_config(context.config.get_section("alembic")).connect() as connection:
        migrate(connection)

with concurrent.futures.ThreadPoolExecutor() as executor:
    executor.submit(main).result()
"""

SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
    " AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
)


@pytest.mark.parametrize(
    "env",
    [FROM_CONFIG, ASYNC, IN_A_THREAD, SYNC_IN_A_THREAD],
    ids=["psycopg", "asyncpg", "asyncpg in a thread", "psycopg in a thread"],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_revision(
    project: Small, database: Target, tables: Tables, env: str, number: signal.Signals
) -> None:
    """The statement ends on the server, nothing of the run stays, and that is what is said."""
    project.env(env)
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("SELECT pg_sleep(60)")')
    project.revision("aaaa00000004", "aaaa00000003", 'op.execute("CREATE TABLE t4 (id int)")')
    process = start(project.root, database)
    with SyncConnection(database.with_database("postgres")) as connection:

        def sleeping() -> bool:
            return bool(connection.fetchval(SLEEPING, database.database))

        assert eventually(sleeping), process.communicate(timeout=5)
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - begun < 20
        assert not sleeping()
    assert process.returncode == 130, err
    assert out == ""
    assert err.endswith(
        "error: interrupted during revision aaaa00000003\n"
        "detail: Nothing of it runs on the server any more.\n"
        f"        {database.shown} stands at no revision, as before. What aaaa00000001,"
        " aaaa00000002 did in this run was rolled back with it.\n"
    ), err
    assert tables() == []


def start(root: Path, database: Target) -> "subprocess.Popen[str]":
    """Begin an upgrade in a process of its own."""
    return subprocess.Popen(
        [Path(sys.executable).parent / "dbtool", "--url", plain(database), "upgrade"],
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nothing_is_left_behind(project: Small, database: Target) -> None:
    """After an interrupt no session of ours or of env.py's is open, and no lock is held."""
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("SELECT pg_sleep(60)")')
    process = start(project.root, database)
    with SyncConnection(database.with_database("postgres")) as connection:
        assert eventually(lambda: bool(connection.fetchval(SLEEPING, database.database)))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        assert eventually(lambda: connection.fetchval(count, database.database) == 0)
