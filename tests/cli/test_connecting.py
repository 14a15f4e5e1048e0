"""Every way a command may fail to reach its database, as the user meets it."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy


def url(target: Target) -> str:
    """A target as one would type it."""
    return target.sqlalchemy_url()


def test_no_database_named(dbtool: Dbtool, tmp_path: Path) -> None:
    """A command that needs one says how to name it."""
    (tmp_path / ".git").mkdir()
    ran = dbtool("pool")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: no database is named\n"
        "hint: Give --url, set DATABASE_URL, or write url under [tool.dbtool] in pyproject.toml.\n"
    )


@pytest.mark.parametrize("words", [("plan",), ("--rows", "10")])
def test_seeds_without_a_server(dbtool: Dbtool, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A plan too is one of the tables of a database: what gives a newcomer one is named."""
    (tmp_path / "pyproject.toml").write_text('[tool.dbtool]\nmodels = "dbtool.example:Base"\n')
    ran = dbtool("seed", *words)
    assert (ran.code, ran.err) == (
        2,
        "error: no database is named\n"
        "hint: Give --url, set DATABASE_URL, or write url under [tool.dbtool] in pyproject.toml.\n"
        "      Where there is no server yet: dbtool local start runs one for development.\n",
    )


def test_server_down(dbtool: Dbtool, database: Target) -> None:
    """Exit 3, on stderr, and in JSON on stdout too."""
    down = url(replace(database, host="/nowhere"))
    ran = dbtool("pool", "--url", down)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        "error: no server listens at /nowhere:5432\n"
        "detail: There is no socket /nowhere/.s.PGSQL.5432.\n"
        "hint: Start it, or check host and port; dbtool local start runs one for development.\n"
    )
    ran = dbtool("pool", "--url", down, "--json")
    assert (ran.code, json.loads(ran.out)["error"]["exit"]) == (3, 3)


def test_database_missing(dbtool: Dbtool, database: Target) -> None:
    """Exit 3, with the command that creates it."""
    ran = dbtool("pool", env={"DATABASE_URL": url(database.with_database("nope"))})
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        f'error: there is no database "nope" at {database.address}\n'
        'detail: database "nope" does not exist; the name comes from DATABASE_URL\n'
        f"hint: Check the name, or create it: createdb -h {database.host} -p 5432"
        " -U postgres nope\n"
    )


def test_tls_not_offered(dbtool: Dbtool, database: Target) -> None:
    """Exit 3 where the connection string asks for more than the server has."""
    with proxy(replace(database, sslmode="require")) as between:
        ran = dbtool("pool", "--url", url(between.target))
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines()[0] == (
        f"error: the server at {between.target.address} does not offer TLS"
    )


def test_dotenv_decides(dbtool: Dbtool, database: Target, tmp_path: Path) -> None:
    """It works without a word, and says so where .env prevails over another place."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").write_text(f"DATABASE_URL={url(database)}\n")
    ran = dbtool("pool")
    assert ran.code == 0
    assert ran.err == ""
    (tmp_path / "dbtool.toml").write_text('url = "postgresql://db.example/live"\n')
    ran = dbtool("pool")
    assert ran.code == 0
    assert ran.err == "info: the database is the one .env DATABASE_URL names, not dbtool.toml\n"


@pytest.fixture
def reader(database: Target) -> Target:
    """The database as a role that may only read."""
    with SyncConnection(database) as admin:
        admin.execute("DROP ROLE IF EXISTS only_reads; CREATE ROLE only_reads LOGIN")
        admin.execute("ALTER ROLE only_reads SET default_transaction_read_only = on")
    return replace(database, user="only_reads")


def test_a_read_only_role_can_read(dbtool: Dbtool, reader: Target) -> None:
    """A command that only reads needs nothing more."""
    assert dbtool("pool", "--url", url(reader)).code == 0


def test_a_pooled_endpoint(dbtool: Dbtool, server: Server) -> None:
    """A command that only reads works through a transaction pooler."""
    with pgbouncer(server.target()) as pooler:
        ran = dbtool("pool", "--url", url(pooler.target))
    assert (ran.code, ran.out != "") == (0, True), ran.err


def test_no_server_connection_free(dbtool: Dbtool, database: Target) -> None:
    """Exit 3 within seconds where a pooler has nothing to give; explain says that it waits."""
    alone = {"default_pool_size": "1"}
    with pgbouncer(database, alone) as pooler, SyncConnection(pooler.target) as holder:
        holder.execute("BEGIN; SELECT 1")
        began = time.monotonic()
        pool = dbtool("pool", "--url", url(pooler.target))
        assert time.monotonic() - began < 20
        explain = dbtool("explain", "SELECT 1", "--url", url(pooler.target))
        assert time.monotonic() - began < 50
    message = (
        f"error: PgBouncer at {pooler.target.address} accepted the login, no server connection"
        " is free\n"
        "detail: Nothing answered within {} s, although PgBouncer itself does. All connections"
        " of its pool are taken, or the server behind is down.\n"
        "hint: dbtool pool --pgbouncer URL, with this URL there and the server's own as --url,"
        " shows who\n"
        "      waits and who holds its connections: at work, or idle in a transaction.\n"
    )
    assert (pool.code, pool.out, pool.err) == (3, "", message.replace("{}", "2"))
    waits = f"waiting for {pooler.target.shown} to answer\n"
    assert (explain.code, explain.out) == (3, "")
    assert explain.err == waits + message.replace("{}", "10")


def test_no_configuration_of_somebody_else(dbtool: Dbtool, tmp_path: Path) -> None:
    """In a directory that is no project, what lies below it is not offered."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/alembic.ini").touch()
    ran = dbtool("history", cwd=tmp_path)
    assert ran.code == 2
    assert ran.err.endswith(
        "hint: Name it with -c FILE, or run dbtool init to set up migrations here.\n"
    )
    (tmp_path / ".git").mkdir()
    assert dbtool("history", cwd=tmp_path).err.endswith(
        "hint: Did you mean -c theirs/alembic.ini?\n"
    )
