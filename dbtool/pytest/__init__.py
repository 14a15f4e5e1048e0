"""A pytest plugin that gives each test a migrated database of its own: `-p dbtool.pytest`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dbtool.errors import DbtoolError, UsageError
from dbtool.pytest import sessions
from dbtool.pytest.databases import Databases, Host, Rows, named_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
    from sqlalchemy.orm import Session

    from dbtool.database.target import Target
    from dbtool.seed.seeded import Seeded

SERVER = "dbtool_server"
MARK = "dbtool_seeded"
_ROWS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the team name a server; without a name it is one of our own."""
    about = "create the tests' databases on this server instead of a throwaway one"
    about += " (env:NAME for the variable that holds its URL)"
    parser.getgroup("dbtool").addoption("--dbtool-server", metavar="URL", help=about)
    parser.addini(SERVER, about)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(scenario=None, rows={_ROWS}, random_seed=1, tables=()): the test's database"
        " holds the rows of a scenario, or generated ones",
    )


@contextmanager
def _told() -> Iterator[None]:
    """Show an error of ours as the commands do, without a traceback through dbtool."""
    try:
        yield
    except DbtoolError as error:
        parts = (("error", error.message), ("detail", error.detail), ("hint", error.hint))
        text = "\n".join(f"{name}: {part}" for name, part in parts if part)
        raise pytest.fail.Exception(text, pytrace=False) from None


@pytest.fixture(scope="session")
def dbtool_server(pytestconfig: pytest.Config) -> Iterator[Host]:
    """The server with the tests' databases; each xdist worker starts its own.

    `--dbtool-server URL`, or `dbtool_server` in pytest's settings, names another one: there
    databases called dbtool_clone_... are created and dropped, and nothing else is touched.
    """
    from dbtool.scratch.hosted import hosted
    from dbtool.scratch.server import throwaway

    text = str(pytestconfig.getoption("--dbtool-server") or pytestconfig.getini(SERVER) or "")
    with _told():
        own = partial(throwaway, settings={"restart_after_crash": "on"})
        running = hosted(named_server(text, pytestconfig.rootpath)) if text else own()
        server = running.__enter__()
    try:
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def dbtool_databases(dbtool_server: Host, pytestconfig: pytest.Config) -> Databases:
    """The templates; the history has run through env.py when a test gets hold of them."""
    databases = Databases(dbtool_server, pytestconfig.rootpath)
    with _told():
        databases.template()
    return databases


@pytest.fixture
def dbtool_database(
    dbtool_databases: Databases, request: pytest.FixtureRequest
) -> "Iterator[Target]":
    """A database of the test's own, with the whole history applied.

        def test_orders(dbtool_database):
            run(["shop", "import"], env={"DATABASE_URL": dbtool_database.sqlalchemy_url()})

    With `seeded` it holds the rows of a scenario, or generated ones, too:

        @seeded("shop")
        def test_report(dbtool_session): ...
    """
    with _told():
        copied = dbtool_databases.copy(_wanted(request))
        target = copied.__enter__()
    try:
        yield target
    finally:
        copied.__exit__(None, None, None)


def seeded(
    scenario: str | None = None,
    *,
    rows: int | None = None,
    random_seed: int | None = None,
    tables: Sequence[str] = (),
) -> pytest.MarkDecorator:
    """Mark a test, a class or a module's `pytestmark`: its database holds these rows.

        @seeded("shop")
        def test_report(dbtool_session): ...

    The rows are those of seeds/reference and of the scenario, as `dbtool seed run shop` loads
    them. They are made once for all tests that ask for the same; each test gets a copy.
    """
    given = {"rows": rows, "random_seed": random_seed, "tables": tables}
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARK)
    return mark(scenario, **{name: each for name, each in given.items() if each})


def _wanted(request: pytest.FixtureRequest) -> Rows | None:
    mark = request.node.get_closest_marker(MARK)
    if mark is None:
        return None
    if len(mark.args) > 1:
        raise UsageError(
            f"{MARK} takes one scenario, and else names only",
            hint=f'@pytest.mark.{MARK}("shop", rows=100)',
        )
    return _rows(*mark.args, **mark.kwargs)


def _rows(
    scenario: str | None = None,
    rows: int | None = None,
    random_seed: int | None = None,
    tables: Sequence[str] = (),
    **other: object,
) -> Rows:
    if other:
        raise UsageError(
            f"{MARK} does not know {', '.join(other)}",
            hint="It takes scenario, rows, random_seed, tables.",
        )
    named = (tables,) if isinstance(tables, str) else tuple(tables)
    return Rows(scenario, rows, random_seed, named)


@pytest.fixture
def dbtool_url(dbtool_database: "Target") -> Callable[..., str]:
    """The URL of the test's database for a driver; for None as libpq and asyncpg read it.

    def test_worker(dbtool_url):
        Worker(dbtool_url("psycopg")).run()
    """

    def url(driver: str | None = "asyncpg") -> str:
        if driver is None:
            return dbtool_database.sqlalchemy_url("psycopg").replace("+psycopg", "", 1)
        return dbtool_database.sqlalchemy_url(driver)

    return url


@pytest.fixture
def dbtool_seed(dbtool_databases: Databases, dbtool_database: "Target") -> "Callable[..., Seeded]":
    """Put rows into the test's database, as `dbtool seed` does: of a scenario, or generated.

    def test_report(dbtool_seed, dbtool_session):
        dbtool_seed("shop", rows=100, tables=["users"])
    """

    def seed(
        scenario: str | None = None,
        rows: int | None = None,
        random_seed: int | None = None,
        tables: Sequence[str] = (),
    ) -> "Seeded":
        with _told():
            wanted = _rows(scenario, rows, random_seed, tables)
            return dbtool_databases.seed(dbtool_database, wanted)

    return seed


@pytest.fixture
def dbtool_engine(dbtool_database: "Target") -> "Iterator[Engine]":
    """A synchronous engine, on psycopg, psycopg2 or pg8000, whichever is installed.

    def test_app(dbtool_engine):
        app = create_app(engine=dbtool_engine)
    """
    engine = sessions.engine(dbtool_database)
    yield engine
    engine.dispose()


@pytest.fixture
def dbtool_session(dbtool_engine: "Engine") -> "Iterator[Session]":
    """A session on the test's database; SQLModel's, where the project uses that.

    def test_user(dbtool_session):
        dbtool_session.add(User(email="a@example.com"))
        dbtool_session.commit()
    """
    with sessions.session_class()(dbtool_engine) as session:
        yield session


@pytest.fixture
def dbtool_rollback_session(
    dbtool_databases: Databases, request: pytest.FixtureRequest
) -> "Iterator[Session]":
    """A session within one transaction, taken back after the test: no database is made for it.

    Commits of the test are savepoints. All such tests share a database; what PostgreSQL does
    not take back, above all the next values of sequences, goes on from test to test. Rows come
    from the mark `dbtool_seeded`; `dbtool_seed` fills the database of `dbtool_database`.
    """
    with _told():
        engine = sessions.engine(dbtool_databases.shared(_wanted(request)))
    with engine.connect() as connection:
        transaction = connection.begin()
        with sessions.session_class()(
            connection, join_transaction_mode="create_savepoint"
        ) as session:
            yield session
        transaction.rollback()
    engine.dispose()


@pytest.fixture
def dbtool_async_engine(dbtool_database: "Target") -> "AsyncEngine":
    """An asynchronous engine on asyncpg; for any event loop, since it keeps no connection.

    async def test_app(dbtool_async_engine):
        app = create_app(engine=dbtool_async_engine)
    """
    return sessions.async_engine(dbtool_database)


@pytest.fixture
def dbtool_async_session(
    dbtool_async_engine: "AsyncEngine", request: pytest.FixtureRequest
) -> "AsyncSession":
    """An asynchronous session, closed when the test ends; pytest-asyncio and anyio both do.

        async def test_user(dbtool_async_session):
            dbtool_async_session.add(User(email="a@example.com"))
            await dbtool_async_session.commit()

    A test that runs an event loop of its own closes it: `async with dbtool_async_session:`.
    """
    session = sessions.async_session_class()(dbtool_async_engine, expire_on_commit=False)
    sessions.run_within(session, request)
    return session


@pytest.fixture
def dbtool_async_rollback_session(
    dbtool_databases: Databases, request: pytest.FixtureRequest
) -> "AsyncSession":
    """The asynchronous `dbtool_rollback_session`, for `async def` tests."""
    with _told():
        engine = sessions.async_engine(dbtool_databases.shared(_wanted(request)))
    made = sessions.async_session_class()(
        expire_on_commit=False, join_transaction_mode="create_savepoint"
    )

    @asynccontextmanager
    async def taken_back() -> "AsyncIterator[None]":
        async with engine.connect() as connection:
            transaction = await connection.begin()
            made.bind, made.sync_session.bind = connection, connection.sync_connection
            async with made:
                yield
            await transaction.rollback()

    if not sessions.run_within(taken_back(), request):
        pytest.fail("dbtool_async_rollback_session needs an `async def` test", pytrace=False)
    return made
