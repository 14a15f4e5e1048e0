"""Migrations need a session of their own: transaction poolers are refused, reads go through."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import pooler as family
from dbtool.scratch.server import throwaway
from tests.conftest import MAJOR, Dbtool, Ran
from tests.migrate.conftest import plain
from tests.migrate.projects import MIGRATE, Small
from tests.pgbouncer import Pooler, pgbouncer
from tests.processes import eventually

Tables = Callable[[], list[str]]
Through = Callable[..., Ran]

ASYNC = f"""
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import async_engine_from_config
from sqlalchemy import pool
{MIGRATE}
async def main():
    section = context.config.get_section(context.config.config_ini_section)
    engine = async_engine_from_config(section, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(main())
"""


@pytest.fixture
def pooler(database: Target) -> Iterator[Pooler]:
    """A PgBouncer in transaction mode before the database."""
    with pgbouncer(database) as running:
        yield running


@pytest.fixture
def through(dbtool: Dbtool, project: Small, pooler: Pooler) -> Through:
    """Run dbtool through the pooler."""

    def run(*words: str) -> Ran:
        return dbtool("--url", plain(pooler.target), *words, cwd=project.root)

    return run


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_transaction_pooler_is_recognised_by_what_it_does(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables, mode: str
) -> None:
    """On a port that says nothing, two sessions of ours share a server process: refused."""
    with pgbouncer(database, {"pool_mode": mode}) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
    assert ran.code == 2, ran
    assert ran.err == (
        f"error: {pooler.target.shown} is reached through a transaction pooler\n"
        "detail: Two sessions share one server process, it refuses start-up options, its database"
        ' "pgbouncer" is the console of PgBouncer. Migrations need a session of their own;'
        " the locks and settings of a session do not survive such a pooler.\n"
        "hint: Name the server itself, not its pooler.\n"
    )
    assert tables() == []


def test_pooler_leaves_no_lock_behind(through: Through, database: Target) -> None:
    """The lock is taken only where a session, or a transaction, keeps it."""
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    with SyncConnection(database) as connection:
        for words in (("upgrade", "--yes"), ("current",)):
            through(*words)
            # The pooler ends a server connection some time after its client has gone.
            assert eventually(lambda: connection.fetchval(locks) == 0), words


def test_session_pooler_works(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """A pooler that gives every session its own server process is no obstacle."""
    settings = {"pool_mode": "session", "default_pool_size": "5"}
    with pgbouncer(database, settings) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
    assert (ran.code, tables()) == (0, ["alembic_version", "t1", "t2"]), ran


NEON = "postgresql://app@ep-cool-rain-1-pooler.eu-central-1.aws.example.invalid/app"


def test_direct_host_of_a_pooled_one_is_named(dbtool: Dbtool, project: Small) -> None:
    """A pooled host name leads to the direct one, before anything is connected to."""
    ran = dbtool("--url", NEON, "upgrade", cwd=project.root)
    assert ran.code == 2
    assert (
        "hint: Name the direct endpoint:"
        " app@ep-cool-rain-1.eu-central-1.aws.example.invalid:5432/app.\n"
    ) in ran.err


def test_direct_lets_a_name_pass(dbtool: Dbtool, project: Small) -> None:
    """`--direct` overrides what only the name says: it is then connected to."""
    ran = dbtool("--url", NEON, "upgrade", "--direct", cwd=project.root)
    assert ran.code == 3
    assert "cannot resolve the host name" in ran.err


def test_parameter_that_says_pgbouncer(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """A server named with pgbouncer=true is refused, and with --direct found to be none."""
    url = plain(database) + ("&" if "?" in plain(database) else "?") + "pgbouncer=true"
    ran = dbtool("--url", url, "upgrade", cwd=project.root)
    assert (ran.code, tables()) == (2, [])
    assert "detail: The connection string says pgbouncer=true." in ran.err
    ran = dbtool("--url", url, "upgrade", "--direct", cwd=project.root)
    assert (ran.code, tables()) == (0, ["alembic_version", "t1", "t2"]), ran


def test_direct_cannot_override_what_was_seen(through: Through, tables: Tables) -> None:
    """A lock that does not stay cannot be wished to stay."""
    ran = through("upgrade", "--yes", "--direct")
    assert (ran.code, tables()) == (2, [])
    assert ran.err.splitlines()[1] == (
        "detail: Two sessions share one server process, it refuses start-up options, its database"
        ' "pgbouncer" is the console of PgBouncer. Migrations need a session of their own;'
        " the locks and settings of a session do not survive such a pooler. --direct overrides"
        " what a name, a port or refused options say; not this: the lock would be left in one"
        " server process, and the revisions run in another."
    )


def test_direct_overrides_all_else(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """In session mode start-up options are refused too, and with the word given it runs."""
    settings = {"pool_mode": "session", "default_pool_size": "5"}
    with pgbouncer(database, settings) as pooler:
        url = plain(pooler.target)
        url += ("&" if "?" in url else "?") + "pgbouncer=true"
        assert dbtool("--url", url, "upgrade", "--yes", cwd=project.root).code == 2
        ran = dbtool("--url", url, "upgrade", "--yes", "--direct", cwd=project.root)
    assert (ran.code, tables()) == (0, ["alembic_version", "t1", "t2"]), ran


def test_port_alone_proves_nothing(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """A pooler's usual port is weak evidence: what answers there decides."""
    # On its socket alone: another process of this machine may have the port.
    settings = {"pool_mode": "session", "default_pool_size": "5", "listen_addr": ""}
    with pgbouncer(database, settings, port=6432) as pooler:
        ran = dbtool("--url", plain(pooler.on_socket), "upgrade", "--yes", cwd=project.root)
    assert (ran.code, tables()) == (0, ["alembic_version", "t1", "t2"]), ran


@pytest.mark.parametrize("env", ["sync", "async"])
def test_reads_go_through(
    dbtool: Dbtool, project: Small, database: Target, through: Through, pooler: Pooler, env: str
) -> None:
    """What only reads is recognised by a lock that an open transaction holds, and says so."""
    if env == "async":
        project.env(ASYNC)
    assert dbtool("--url", plain(database), "upgrade", "aaaa00000001", cwd=project.root).code == 0
    for words, shown in (
        (("current",), "aaaa00000001"),
        (("check",), "aaaa00000002"),
        (("history", "-i"), "aaaa00000001"),
        (("show", "current"), "aaaa00000001"),
        (("upgrade", "--plan"), "aaaa00000002"),
        (("heads",), "aaaa00000002"),
        (("status",), "next: dbtool upgrade --url URL   # of the server itself; or --direct"),
    ):
        ran = through(*words)
        assert ran.code in (0, 1), ran
        assert shown in ran.out, ran
        if words == ("check",):
            assert f"info: {pooler.target.shown} is read through a transaction pooler" in ran.err


def test_nothing_of_a_read_stays_behind(
    dbtool: Dbtool, database: Target, through: Through, pooler: Pooler
) -> None:
    """Other clients of the same server processes find their settings as they were."""
    through("current")
    through("check")
    with SyncConnection(pooler.target) as one, SyncConnection(pooler.target) as other:
        other.execute("BEGIN")
        for each in (one, other):
            found = each.fetch("SELECT name FROM pg_settings WHERE source = 'session'")
            assert {row[0] for row in found} <= {"application_name", "client_encoding"}, found


def test_another_database_is_noticed_through_a_pooler(
    dbtool: Dbtool, project: Small, database: Target, through: Through, server_neighbour: Target
) -> None:
    """An env.py that reads elsewhere is recognised there, too."""
    project.env(
        f"""
        import psycopg
        from alembic import context
        from sqlalchemy import create_engine
        {MIGRATE.replace(chr(10), chr(10) + " " * 8)}
        def connect():
            return psycopg.connect("{plain(server_neighbour)}")
        with create_engine("postgresql+psycopg://", creator=connect).connect() as connection:
            migrate(connection)
        """
    )
    ran = through("check")
    assert ran.code == 4, ran
    assert "env.py connects to another database than the one that is named" in ran.err


@pytest.fixture
def server_neighbour(database: Target) -> Target:
    """Another database of the same server."""
    return database.with_database("postgres")


def test_pool_of_one(dbtool: Dbtool, project: Small, database: Target) -> None:
    """Where env.py could never get a server connection, the read is refused in seconds."""
    with pgbouncer(database, {"default_pool_size": "1"}) as pooler:
        ran = dbtool("--url", plain(pooler.target), "check", cwd=project.root)
    assert (ran.code, ran.out) == (2, "")
    assert "has no second server connection free\n" in ran.err


def test_statement_pooling(dbtool: Dbtool, project: Small, database: Target) -> None:
    """Where not even a transaction is allowed, a read is refused with that reason."""
    with pgbouncer(database, {"pool_mode": "statement"}) as pooler:
        ran = dbtool("--url", plain(pooler.target), "check", cwd=project.root)
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be recognised through its pooler\n" in ran.err


def test_session_pool_of_one(dbtool: Dbtool, project: Small, database: Target) -> None:
    """A session pooler with one server connection could never serve env.py beside dbtool."""
    settings = {"pool_mode": "session", "default_pool_size": "1"}
    with pgbouncer(database, settings) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
    assert (ran.code, ran.out) == (2, "")
    assert "has no second server connection free\n" in ran.err


def test_server_behind_is_named(dbtool: Dbtool, project: Small) -> None:
    """The server says where it listens, which is in nobody's URL."""
    with throwaway(MAJOR, port=0) as server, pgbouncer(server.target()) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
        where = server.target().address
    assert f"hint: Name the server itself, not its pooler; it says it listens at {where}.\n" in (
        ran.err
    )


def test_hint_names_the_direct_host_of_neon() -> None:
    """What can be told from the name alone."""
    target = Target("ep-a-1-pooler.eu.aws.neon.tech", 5432, "app", "app")
    assert family.certain_by_name(target).text.startswith("the host name")
    assert family.direct_endpoint(target) == (
        "Name the direct endpoint: app@ep-a-1.eu.aws.neon.tech:5432/app."
    )
    assert not family.certain_by_name(replace(target, host="db", port=6432))
