"""The pytest plugin: what a team's tests get, and what they never reach."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import OperationError, UsageError
from dbtool.pytest import sessions
from dbtool.pytest.databases import named_server
from dbtool.scratch.clone import new_name
from dbtool.scratch.hosted import hosted
from dbtool.scratch.server import Server

DECOY = "DECOY_URL"
ENV = """
import logging.config, os
from alembic import context
from sqlalchemy import create_engine, pool

logging.config.dictConfig({"version": 1})
url = os.environ["DECOY_URL"]
with create_engine(url).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "a1", None, None, None

def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(80), nullable=False, unique=True),
    )

def downgrade():
    op.drop_table("users")
"""
PLAIN = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(80), unique=True)
"""
SQLMODEL = """
from sqlmodel import Field, SQLModel
Base = SQLModel

class User(SQLModel, table=True):
    __tablename__ = "users"
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(max_length=80, unique=True)
"""
RUNNER = """
import asyncio, inspect, logging, pytest
logging.getLogger("shop")

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
"""
TESTS = """
import logging, pytest
from sqlalchemy import func, select, text
from dbtool.pytest import seeded
from models import User

COUNT = select(func.count()).select_from(User)

@pytest.mark.parametrize("again", range(2))
def test_each_has_its_own(dbtool_session, again):
    dbtool_session.add(User(email="a@example.com"))
    dbtool_session.commit()
    assert dbtool_session.scalar(COUNT) == 1

@pytest.mark.parametrize("again", range(2))
async def test_coroutines(dbtool_async_session, again):
    dbtool_async_session.add(User(email="a@example.com"))
    await dbtool_async_session.commit()
    assert await dbtool_async_session.scalar(COUNT) == 1

@pytest.mark.parametrize("again", range(2))
def test_taken_back(dbtool_rollback_session, again):
    dbtool_rollback_session.add(User(email="a@example.com"))
    dbtool_rollback_session.commit()
    dbtool_rollback_session.rollback()
    assert dbtool_rollback_session.scalar(COUNT) == 1

@pytest.mark.parametrize("again", range(2))
async def test_coroutines_taken_back(dbtool_async_rollback_session, again):
    dbtool_async_rollback_session.add(User(email="a@example.com"))
    await dbtool_async_rollback_session.commit()
    assert await dbtool_async_rollback_session.scalar(COUNT) == 1

class TestSeeds:
    @pytest.mark.dbtool_seeded(rows=7)
    async def test_by_mark(self, dbtool_async_session):
        assert await dbtool_async_session.scalar(COUNT) == 7

    @pytest.mark.dbtool_seeded(rows=7)
    def test_shared_by_mark(self, dbtool_rollback_session):
        assert dbtool_rollback_session.scalar(COUNT) == 7

@seeded("team")
def test_scenario(dbtool_session):
    assert dbtool_session.scalars(select(User.email).order_by(User.id)).all() == [
        "ann@example.com", "u2@example.com", "u3@example.com"
    ]

@seeded("team", rows=2)
async def test_scenario_again(dbtool_async_session):
    assert await dbtool_async_session.scalar(COUNT) == 3

@seeded("teem")
def test_no_such_scenario(dbtool_session): ...

def test_scenario_on_demand(dbtool_seed, dbtool_session):
    assert dbtool_seed("team").rows == 3
    assert dbtool_session.scalar(COUNT) == 3

def test_seed(dbtool_seed, dbtool_engine):
    assert dbtool_seed(rows=3, tables="users").rows == 3
    with dbtool_engine.connect() as connection:
        assert connection.scalar(COUNT) == 3

async def test_urls(dbtool_url, dbtool_database, dbtool_async_engine):
    import asyncpg, psycopg
    name = dbtool_database.database
    connection = await asyncpg.connect(dbtool_url(None))
    assert await connection.fetchval("select current_database()") == name
    await connection.close()
    with psycopg.connect(dbtool_url(None)) as other:
        assert other.execute("select current_database()").fetchone() == (name,)
    async with dbtool_async_engine.connect() as third:
        assert await third.scalar(text("select current_database()")) == name
    assert dbtool_url().startswith("postgresql+asyncpg://")

def test_logging_is_not_silenced(dbtool_database, caplog):
    logging.getLogger("shop").warning("heard")
    assert caplog.messages == ["heard"]
"""

SCENARIO = """
tables: {users: {rows: 3, columns: {email: {pattern: "u{n}@example.com"}}}}
rows: {users: {ann: {email: ann@example.com}}}
"""
OF_SQLMODEL = """
def test_exec(dbtool_session):
    assert dbtool_session.exec(select(User.email)).all() == []

@pytest.mark.dbtool_seeded(row=7)
def test_misspelt(dbtool_session): ...
"""
ON_ITS_OWN = """
def test_crash(dbtool_session):
    assert dbtool_session.scalar(text("SHOW restart_after_crash")) == "on"
"""


def project(root: Path, models: str = PLAIN, env: str = ENV, settings: str = "") -> Path:
    """A small project whose env.py computes the URL itself."""
    files = {
        "alembic.ini": "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n",
        "pyproject.toml": '[tool.dbtool]\nmodels = "models:Base"\n' + settings,
        "pytest.ini": "[pytest]\nfilterwarnings = error\npythonpath = .\n",
        "migrations/env.py": env,
        "migrations/versions/a1_users.py": REVISION,
        "models.py": models,
        "seeds/scenarios/team.yaml": SCENARIO,
        "conftest.py": 'pytest_plugins = ["dbtool.pytest"]\n' + RUNNER,
        "test_shop.py": TESTS,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def run(root: Path, decoy: Target, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the project's tests where every variable leads to another database."""
    url = decoy.sqlalchemy_url("psycopg")
    env = dict(os.environ) | {DECOY: url, "DATABASE_URL": url}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, timeout=300, check=False
    )


def tables(target: Target) -> int:
    """How many tables a database has outside of the catalogue."""
    with SyncConnection(target) as connection:
        return int(connection.fetchval("select count(*) from pg_stat_user_tables"))


def test_on_a_server_of_its_own(tmp_path: Path, database: Target) -> None:
    """Each test meets the migrated, empty database; the one that env.py names stays untouched.

    A crash in one test does not take the server from the others.
    """
    root = project(tmp_path)
    (root / "test_shop.py").write_text(TESTS + ON_ITS_OWN)
    ran = run(root, database)
    assert "17 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "1 error" in ran.stdout
    assert 'error: no scenario "teem"\nhint: Did you mean team?' in ran.stdout
    assert tables(database) == 0


def test_two_workers_on_a_named_server(tmp_path: Path, database: Target, server: Server) -> None:
    """SQLModel's sessions serve too; nothing is left on the server, and nothing else touched."""
    root = project(tmp_path, SQLMODEL)
    (root / "test_shop.py").write_text(TESTS + OF_SQLMODEL)
    with (root / "pytest.ini").open("a") as settings:
        settings.write(f"dbtool_server = env:{DECOY}\n")
    with SyncConnection(server.target()) as connection:
        names = "select array_agg(datname order by 1) from pg_database"
        before = connection.fetchval(names)
        ran = run(root, database, "-n", "2")
        assert "17 passed" in ran.stdout, ran.stdout + ran.stderr
        assert "2 errors" in ran.stdout
        assert "\nerror: dbtool_seeded does not know row\nhint: " in ran.stdout
        assert connection.fetchval(names) == before
    assert tables(database) == 0


def test_a_failing_env_is_told_without_a_traceback(tmp_path: Path, database: Target) -> None:
    """An env.py that fails runs once, and each test that needs it says why in a few lines."""
    env = "print('env.py began'); raise RuntimeError('no vault')"
    named = ("--dbtool-server", f"env:{DECOY}", "-k", "own or shared_by")
    ran = run(project(tmp_path, env=env), database, "-s", *named)
    assert "3 errors" in ran.stdout, ran.stdout + ran.stderr
    assert ran.stdout.count("env.py began") == 1
    assert "no vault" in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "During handling" not in ran.stdout


def test_production_is_refused(tmp_path: Path) -> None:
    """No test creates databases on a server that the settings call production."""
    url = "postgresql://shop@db.example.com/shop"
    marked = f'[tool.dbtool.env.live]\nurl = "{url}"\nproduction = true\n'
    with pytest.raises(UsageError, match="is production"):
        named_server(url, project(tmp_path, settings=marked))


def test_a_role_that_may_not_create_databases(server: Server, database: Target) -> None:
    """The error names the server, the role, and the right it lacks; nothing is left held."""
    with SyncConnection(database) as connection:
        connection.execute("create role guest login")
        try:
            guest = replace(database, user="guest")
            with hosted(guest) as named, pytest.raises(OperationError) as caught:
                named.create_database(new_name())
            assert caught.value.detail == "permission denied to create database"
            assert caught.value.hint == "Does guest have CREATEDB there?"
        finally:
            connection.execute("drop role guest")


def test_databases_of_a_killed_run_go_with_the_next(database: Target, server: Server) -> None:
    """A database whose session ended is dropped; one that is still held stays."""
    count = "select count(*) from pg_database where datname = $1"
    with hosted(database) as first, SyncConnection(database) as connection:
        held, lost = first.create_database(new_name()), new_name()
        server.create_database(lost)
        with hosted(database):
            assert connection.fetchval(count, lost) == 0
            assert connection.fetchval(count, held.database) == 1
    with SyncConnection(database) as connection:
        assert connection.fetchval(count, held.database) == 0


@pytest.mark.parametrize("behind", ["create database", "drop database"])
def test_an_interrupt_leaves_no_database(
    database: Target, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    """Ctrl-C while one is created, or while the first is dropped, leaves none of them."""
    execute = SyncConnection.execute
    pressed: list[str] = []

    def interrupted(self: SyncConnection, sql: str, *args: object) -> str:
        if sql.startswith(behind) and not pressed:
            pressed.append(sql)
            if behind.startswith("create"):
                execute(self, sql, *args)
            raise KeyboardInterrupt
        return execute(self, sql, *args)

    monkeypatch.setattr(SyncConnection, "execute", interrupted)
    names = [new_name(), new_name()]
    with pytest.raises(KeyboardInterrupt), hosted(database) as named:
        list(map(named.create_database, names))
    assert pressed
    with SyncConnection(database) as connection:
        count = "select count(*) from pg_database where datname = any($1)"
        assert connection.fetchval(count, names) == 0


def test_loading_the_plugin_costs_little() -> None:
    """Before a test asks for a database neither SQLAlchemy nor a driver is imported."""
    script = "import sys, pytest, dbtool.pytest; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "alembic", "asyncpg", "pydantic", "asyncio"} & set(ran.stdout.split())


def test_no_synchronous_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project on asyncpg alone is told what its synchronous tests take, and what does without."""
    for driver in ("psycopg", "psycopg2", "pg8000"):
        monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(pytest.fail.Exception) as caught:
        sessions.engine(parse("postgresql://ann@db/shop", "the test"))
    error, hint = str(caught.value).splitlines()
    assert error.startswith("error: a synchronous engine takes another driver: ")
    assert hint == ('hint: pip install "psycopg[binary]"; on asyncpg there is dbtool_async_session')
