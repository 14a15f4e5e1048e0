"""Whatever env.py does, the database named is the only one that is touched.

The decoy is another server. It must see no statement at all, except the question by which a
connection that nobody could lead elsewhere is recognised as wrong.
"""

from collections.abc import Callable

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.migrate.conftest import Decoy, Run, plain, url
from tests.migrate.projects import MIGRATE, Small

Tables = Callable[[], list[str]]
DONE = ["alembic_version", "t1", "t2"]

SYNC = """
from alembic import context
from sqlalchemy import create_engine
{migrate}
with create_engine("{url}").connect() as connection:
    migrate(connection)
"""

ASYNC = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
{migrate}
async def main():
    engine = create_async_engine("{url}")
    async with engine.connect() as connection:
        await connection.run_sync(migrate)

asyncio.run(main())
"""

SETTINGS = """
from alembic import context
from app.settings import DATABASE_URL
from sqlalchemy import create_engine
{migrate}
context.config.set_main_option("sqlalchemy.url", DATABASE_URL.replace("%", "%%"))
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    migrate(connection)
"""

CREATOR = """
import psycopg
from alembic import context
from sqlalchemy import create_engine
{migrate}
def connect():
    return psycopg.connect("{libpq}")

with create_engine("postgresql+psycopg://", creator=connect).connect() as connection:
    migrate(connection)
"""

ASYNC_CREATOR = """
import asyncio
import asyncpg
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
{migrate}
async def connect():
    return await asyncpg.connect("{libpq}")

async def main():
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)

asyncio.run(main())
"""

TWO_ENGINES = """
from alembic import context
from sqlalchemy import create_engine, text
{migrate}
with create_engine("{first}").connect() as connection:
    migrate(connection)
with create_engine("{second}").begin() as connection:
    connection.execute(text("CREATE TABLE audit (id int)"))
"""

ATTRIBUTES = """
from alembic import context
from sqlalchemy import create_engine
{migrate}
if context.config.attributes.get("connection") is None:
    context.config.attributes["connection"] = create_engine("{url}").connect()
migrate(context.config.attributes["connection"])
"""

MULTIDB = """
from alembic import context
from sqlalchemy import create_engine
{migrate}
engines = [create_engine(url) for url in ("{first}", "{second}")]
connections = [engine.connect() for engine in engines]
for connection in connections:
    migrate(connection)
"""

DO_CONNECT = """
from alembic import context
from sqlalchemy import create_engine, event
{migrate}
engine = create_engine("{named}")

@event.listens_for(engine, "do_connect")
def elsewhere(dialect, record, cargs, cparams):
    cparams.update(host="{host}", dbname="{database}")

with engine.connect() as connection:
    migrate(connection)
"""

LISTENER = """
import psycopg
from alembic import context
from sqlalchemy import Engine, create_engine, event
{migrate}
@event.listens_for(Engine, "connect")
def prepare(connection, record):
    connection.execute("CREATE TABLE IF NOT EXISTS sessions (id int)")
    connection.commit()

def connect():
    return psycopg.connect("{libpq}")

with create_engine("postgresql+psycopg://", creator=connect).connect() as connection:
    migrate(connection)
"""


def libpq(target: Target) -> str:
    """The database as a driver takes it."""
    return plain(target)


@pytest.mark.parametrize(
    ("env", "driver"),
    [(SYNC, "psycopg"), (ASYNC, "asyncpg"), (ATTRIBUTES, "psycopg")],
    ids=["sync", "async", "attributes"],
)
def test_hard_coded_url_is_led_to_the_named_database(
    run: Run, project: Small, decoy: Decoy, tables: Tables, database: Target, env: str, driver: str
) -> None:
    """An engine with a URL of its own is connected to the named database, and that is said."""
    project.env(env.format(migrate=MIGRATE, url=url(decoy.target, driver)))
    ran = run("upgrade")
    assert ran.code == 0, ran
    assert f"info: env.py asks for {decoy.target.shown}; its connections go to" in ran.err
    assert f"{database.shown} instead, as --url says" in ran.err
    assert tables() == DONE
    assert decoy.statements() == []


def test_url_from_settings_is_led_to_the_named_database(
    run: Run, project: Small, decoy: Decoy, tables: Tables
) -> None:
    """A URL that env.py takes from the application's settings yields to the one named."""
    project.env(SETTINGS.format(migrate=MIGRATE))
    project.write("app/settings.py", f'DATABASE_URL = "{url(decoy.target)}"')
    ran = run("upgrade")
    assert (ran.code, tables()) == (0, DONE), ran
    assert decoy.statements() == []


@pytest.mark.parametrize("env", [CREATOR, ASYNC_CREATOR], ids=["creator", "async_creator"])
def test_engine_around_a_function_is_refused(
    run: Run, project: Small, decoy: Decoy, tables: Tables, database: Target, env: str
) -> None:
    """A connection that env.py's own function opened elsewhere is refused, and both are named."""
    project.env(env.format(migrate=MIGRATE, libpq=libpq(decoy.target)))
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "error: env.py connects to another database than the one that is named" in ran.err
    assert f"--url names {database.shown}" in ran.err
    assert f"leads to postgres@socket:5432/{decoy.target.database}" in ran.err
    assert tables() == []
    assert decoy.statements() == []


@pytest.mark.parametrize("env", [CREATOR, ASYNC_CREATOR], ids=["creator", "async_creator"])
def test_engine_around_a_function_may_lead_to_the_named_database(
    run: Run, project: Small, tables: Tables, database: Target, env: str
) -> None:
    """A connection that env.py's own function opened proves itself like any other."""
    project.env(env.format(migrate=MIGRATE, libpq=libpq(database)))
    ran = run("upgrade")
    assert (ran.code, tables()) == (0, DONE), ran


def test_other_database_of_the_same_server_is_refused(
    run: Run, project: Small, server: Server, database: Target, tables: Tables
) -> None:
    """The lock proves the database, not only the server."""
    other = server.create_database(f"{database.database}_other")
    try:
        project.env(CREATOR.format(migrate=MIGRATE, libpq=libpq(other)))
        ran = run("upgrade")
        assert (ran.code, tables()) == (4, []), ran
        with SyncConnection(other) as connection:
            assert connection.fetchval("SELECT to_regclass('alembic_version')") is None
    finally:
        server.drop_database(other.database)


@pytest.mark.parametrize("named_first", [True, False])
def test_second_destination_is_refused_before_anything_runs(
    run: Run,
    project: Small,
    decoy: Decoy,
    tables: Tables,
    database: Target,
    named_first: bool,
) -> None:
    """Of two engines that lead to two databases neither gets a table, whichever comes first."""
    places = [url(database), url(decoy.target)]
    first, second = places if named_first else places[::-1]
    project.env(TWO_ENGINES.format(migrate=MIGRATE, first=first, second=second))
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "the project connects to two databases, and one is named" in ran.err
    assert tables() == []
    assert decoy.statements() == []


def test_multidb_is_refused_before_anything_runs(
    run: Run, project: Small, decoy: Decoy, tables: Tables, database: Target
) -> None:
    """Several databases migrated side by side are not merged into the one named."""
    project.env(MULTIDB.format(migrate=MIGRATE, first=url(decoy.target), second=url(database)))
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert decoy.statements() == []


EACH = """
from alembic import context
from sqlalchemy import create_engine

names = context.config.get_main_option("databases").split(",")
for name in names:
    place = context.config.get_section(name)["sqlalchemy.url"]
    with create_engine(place).connect() as connection:
        context.configure(connection=connection, upgrade_token=f"up_{name}")
        with context.begin_transaction():
            context.run_migrations(engine_name=name)
"""
SECTIONS = """
[alembic]
script_location = migrations
databases = first,second
[first]
sqlalchemy.url = {}
[second]
sqlalchemy.url = {}
[only_first]
script_location = migrations
databases = first
[only_second]
script_location = migrations
databases = second
"""


def test_multidb_one_by_one(
    dbtool: Dbtool, project: Small, decoy: Decoy, tables: Tables, database: Target
) -> None:
    """A section of the .ini for each database is all that it takes; each gets its own part."""
    both = [url(each).replace("%", "%%") for each in (database, decoy.target)]
    project.write("alembic.ini", SECTIONS.format(*both))
    project.env(EACH)
    for path in (project.root / "migrations/versions").glob("*.py"):
        path.unlink()
    made = project.revision(
        "aaaa00000001", None, 'op.execute(f"CREATE TABLE {engine_name} (id int)")'
    )
    made.write_text(made.read_text().replace("def upgrade():", "def upgrade(engine_name):"))
    refused = dbtool("--url", plain(database), "upgrade", cwd=project.root)
    assert (refused.code, tables(), decoy_tables(decoy)) == (4, [], [])
    assert "the project connects to two databases, and one is named" in refused.err
    assert "Name none where the .ini lists them" in refused.err
    for name in ("only_first", "only_second"):
        ran = dbtool("-n", name, "upgrade", "--yes", cwd=project.root)
        assert ran.code == 0, ran
    assert tables() == ["alembic_version", "first"]
    assert decoy_tables(decoy) == ["alembic_version", "second"]


def decoy_tables(decoy: Decoy) -> list[str]:
    """The tables of the other server's database."""
    with SyncConnection(decoy.target) as connection:
        rows = connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
    return [row[0] for row in rows]


def test_two_engines_with_one_url_are_refused(
    run: Run, project: Small, decoy: Decoy, tables: Tables
) -> None:
    """Two engines on one version table would wait for each other for ever."""
    place = url(decoy.target)
    project.env(MULTIDB.format(migrate=MIGRATE, first=place, second=place))
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert "env.py migrates two databases, and one is named" in ran.err


def test_event_handler_that_changes_the_destination_is_caught(
    run: Run, project: Small, decoy: Decoy, tables: Tables, database: Target
) -> None:
    """A team's own do_connect handler runs after ours; the proof still stops the connection."""
    target = decoy.target
    project.env(
        DO_CONNECT.format(
            migrate=MIGRATE, named=url(database), host=target.host, database=target.database
        )
    )
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert decoy.statements() == []


def test_event_handler_runs_no_statement_before_the_proof(
    run: Run, project: Small, decoy: Decoy
) -> None:
    """A team's own handler of new connections does not come before the proof."""
    project.env(LISTENER.format(migrate=MIGRATE, libpq=libpq(decoy.target)))
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert decoy.statements() == []


def test_revision_with_an_engine_of_its_own(
    run: Run, project: Small, decoy: Decoy, tables: Tables, database: Target
) -> None:
    """A revision that connects elsewhere fails, and says where the database stands."""
    project.revision(
        "aaaa00000003",
        "aaaa00000002",
        f"""
        op.execute("CREATE TABLE t3 (id int)")
        with sa.create_engine("{url(decoy.target)}").begin() as other:
            other.execute(sa.text("CREATE TABLE copied (id int)"))
        """,
    )
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "During revision aaaa00000003." in ran.err
    assert f"{database.shown} stands at no revision, as before." in ran.err
    assert tables() == []
    assert decoy.statements() == []


def test_refusal_that_env_swallows(run: Run, project: Small, decoy: Decoy, tables: Tables) -> None:
    """An env.py that catches every exception cannot go on after a refusal."""
    project.env(
        CREATOR.format(migrate=MIGRATE, libpq=libpq(decoy.target))
        .replace("with create_engine", "try:\n  with create_engine")
        .replace("    migrate(connection)", "    migrate(connection)\nexcept Exception:\n  pass\n")
    )
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert "env.py connects to another database" in ran.err


def test_transaction_that_is_never_committed(run: Run, project: Small, tables: Tables) -> None:
    """What env.py forgets to commit is not reported as done."""
    project.env(
        """
        from alembic import context
        from sqlalchemy import engine_from_config

        section = context.config.get_section("alembic")
        with engine_from_config(section).connect() as connection:
            context.configure(connection=connection)
            context.run_migrations()
        """
    )
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert "does not stand where it should" in ran.err
    assert "should record aaaa00000002 and records no revision" in ran.err


def test_env_that_never_runs_alembic(run: Run, project: Small, decoy: Decoy) -> None:
    """An env.py that works with the driver alone is told that nothing was migrated."""
    project.env(
        f"""
        import psycopg
        with psycopg.connect("{libpq(decoy.target)}") as connection:
            connection.execute("SELECT 1")
        """
    )
    ran = run("upgrade")
    assert ran.code == 4, ran
    assert "env.py ended without running Alembic" in ran.err


def test_other_kind_of_database_is_refused(run: Run, project: Small, tables: Tables) -> None:
    """An engine of another database cannot be led to PostgreSQL."""
    project.env(SYNC.format(migrate=MIGRATE, url="sqlite:///app.db"))
    ran = run("upgrade")
    assert (ran.code, tables()) == (2, []), ran
    assert 'env.py connects to a "sqlite" database' in ran.err
    assert not (project.root / "app.db").exists()


def test_env_names_the_database_where_nobody_else_does(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """Without a URL the database is the one env.py connects to, and the report says so."""
    project.env(SETTINGS.format(migrate=MIGRATE))
    project.write("app/settings.py", f'DATABASE_URL = "{url(database)}"')
    ran = dbtool("upgrade", cwd=project.root)
    assert (ran.code, tables()) == (0, DONE), ran
    assert f"info: env.py named the database, {database.shown};" in ran.out


def test_ini_is_only_what_env_starts_from(
    dbtool: Dbtool, project: Small, database: Target, decoy: Decoy, tables: Tables
) -> None:
    """Where env.py overrides alembic.ini, its own URL is the one, as with plain Alembic."""
    ini = (project.root / "alembic.ini").read_text()
    stale = "driver://user:pass@localhost/dbname"
    project.write("alembic.ini", ini.replace(stale, url(decoy.target).replace("%", "%%")))
    project.env(SETTINGS.format(migrate=MIGRATE))
    project.write("app/settings.py", f'DATABASE_URL = "{url(database)}"')
    ran = dbtool("upgrade", cwd=project.root)
    assert (ran.code, tables()) == (0, DONE), ran
    assert decoy.statements() == []


def test_function_that_connects_does_not_name_a_database(
    dbtool: Dbtool, project: Small, decoy: Decoy
) -> None:
    """Where nobody names a database and env.py hides where it goes, nothing is run."""
    project.env(CREATOR.format(migrate=MIGRATE, libpq=libpq(decoy.target)))
    ran = dbtool("upgrade", cwd=project.root)
    assert ran.code == 2, ran
    assert "no database is named, and env.py does not say where it connects" in ran.err
    assert decoy.statements() == []


def test_placeholder_names_no_database(dbtool: Dbtool, project: Small) -> None:
    """The URL of Alembic's template is no database."""
    ran = dbtool("upgrade", cwd=project.root)
    assert ran.code == 2, ran
    assert ran.err == (
        "error: no database is named\n"
        "detail: env.py takes its URL from the configuration, which still holds the template's"
        " placeholder (driver://…).\n"
        "hint: Give --url, set DATABASE_URL, or write the URL there; where env.py connects to"
        " several databases, write the URL of each.\n"
    )


def test_role_of_env_is_its_own(run: Run, project: Small, database: Target) -> None:
    """The same database under another role is used as env.py wrote it, unless --url says who."""
    with SyncConnection(database) as connection:
        connection.execute("DROP ROLE IF EXISTS migrator; CREATE ROLE migrator LOGIN SUPERUSER")
    own = url(database).replace("//postgres@", "//migrator@")
    project.env(SYNC.format(migrate=MIGRATE, url=own))
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("CREATE TABLE t3 (id int)")')
    ran = run("upgrade")
    assert ran.code == 0, ran
    with SyncConnection(database) as connection:
        owner = connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 't3'")
    assert owner == "postgres"


def test_role_of_env_stays_where_a_variable_names_the_database(
    dbtool: Dbtool, project: Small, database: Target
) -> None:
    """DATABASE_URL names the database; who migrates it is env.py's business."""
    with SyncConnection(database) as connection:
        connection.execute("DROP ROLE IF EXISTS migrator; CREATE ROLE migrator LOGIN SUPERUSER")
    own = url(database).replace("//postgres@", "//migrator@")
    project.env(SYNC.format(migrate=MIGRATE, url=own))
    ran = dbtool("upgrade", cwd=project.root, env={"DATABASE_URL": plain(database)})
    assert ran.code == 0, ran
    with SyncConnection(database) as connection:
        owner = connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 't1'")
    assert owner == "migrator"


@pytest.mark.parametrize("words", [("upgrade", "--sql"), ("heads",), ("history", "-v")])
def test_offline_commands_connect_nowhere(
    run: Run, project: Small, decoy: Decoy, words: tuple[str, ...]
) -> None:
    """A project that connects where no database is needed is stopped."""
    project.env(SYNC.format(migrate=MIGRATE, url=url(decoy.target)))
    path = project.revision("aaaa00000003", "aaaa00000002")
    path.write_text(
        path.read_text().replace(
            "revision = 'aaaa00000003'",
            f'sa.create_engine("{url(decoy.target)}").connect()\nrevision = "aaaa0" + "0000003"',
        )
    )
    ran = run(*words)
    assert ran.code == 4, ran
    assert "this command needs no database" in ran.err
    assert decoy.statements() == []


CREATES = """
from alembic import context
from sqlalchemy import create_engine, make_url, text
{migrate}
url = make_url("{url}")
engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    find = text("SELECT 1 FROM pg_database WHERE datname = :name")
    if not connection.scalar(find, {{"name": url.database}}):
        connection.execute(text(f'CREATE DATABASE "{{url.database}}"'))
with create_engine(url).connect() as connection:
    migrate(connection)
"""


def test_env_may_look_for_its_database(
    run: Run, project: Small, database: Target, tables: Tables
) -> None:
    """An env.py that asks `postgres` whether its database exists gets its answer."""
    project.env(CREATES.format(migrate=MIGRATE, url=url(database)))
    ran = run("upgrade")
    assert (ran.code, tables()) == (0, DONE), ran


def test_env_creates_no_database_on_the_named_server(
    run: Run, project: Small, decoy: Decoy, database: Target, tables: Tables
) -> None:
    """An env.py that misses its own database does not create it where dbtool was pointed."""
    project.env(CREATES.format(migrate=MIGRATE, url=url(decoy.target)))
    ran = run("upgrade")
    assert (ran.code, tables()) == (4, []), ran
    assert "cannot execute CREATE DATABASE in a read-only transaction" in ran.err
    assert "create none there" in ran.err
    with SyncConnection(database) as connection:
        names = connection.fetch("SELECT datname FROM pg_database")
    assert decoy.target.database not in [row[0] for row in names]
    assert decoy.statements() == []


@pytest.mark.parametrize("words", [("upgrade",), ("check",)])
def test_alembic_in_a_maintenance_database_is_refused(
    run: Run, project: Small, decoy: Decoy, database: Target, tables: Tables, words: tuple[str, ...]
) -> None:
    """What `postgres` holds is not told of the named database, and both are named."""
    place = decoy.target.with_database("postgres")
    project.env(SYNC.format(migrate=MIGRATE, url=url(place)))
    ran = run(*words)
    assert (ran.code, tables()) == (4, []), ran
    assert ran.err == (
        'error: env.py has Alembic work in the database "postgres", and another one is named\n'
        f"detail: It asked for {place.shown}; --url names {database.shown}. On the named server"
        ' env.py may look into "postgres", and change nothing.\n'
        "hint: Let env.py build its engine from config's sqlalchemy.url, or name the database it"
        " connects to.\n"
    )


def test_database_is_heard_after_the_maintenance_database(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """Where env.py names the database, the one it looks for is meant, not `postgres`."""
    project.env(CREATES.format(migrate=MIGRATE, url=url(database)))
    ran = dbtool("upgrade", cwd=project.root)
    assert (ran.code, tables()) == (0, DONE), ran
    assert f"env.py named the database, {database.shown};" in ran.out
