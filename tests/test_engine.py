"""The application's engine in every shape, and what is said when there is none."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dbtool.database.target import Target
from dbtool.engine import LoadedEngine, load
from dbtool.errors import UsageError

MODULE = """
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

URL = {url!r}
print("a line of the application")
engine = create_engine(URL.replace("asyncpg", "psycopg"))
async_engine = create_async_engine(URL)
Session = async_sessionmaker(async_engine)
Unbound = sessionmaker()


class Database:
    engine = async_engine


database = Database()


def make():
    print("another one")
    return create_async_engine(URL)


async def make_later():
    return async_engine


def make_with(settings):
    return engine


def broken():
    raise RuntimeError("no DATABASE_URL")

def leaves():
    raise SystemExit("no settings")


def wrong():
    return "engine"
"""

Load = Callable[[str], LoadedEngine]


@pytest.fixture
def loading(tmp_path: Path, database: Target) -> Iterator[Load]:
    """Load from a module of its own that names the test database."""
    name = f"application_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(url=database.sqlalchemy_url()))
    before = list(sys.path)
    yield lambda attribute: load(f"{name}:{attribute}", [tmp_path])
    sys.path[:] = before
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("attribute", "is_async", "made"),
    [
        ("engine", False, False),
        ("async_engine", True, False),
        ("Session", True, False),
        ("database.engine", True, False),
        ("make", True, True),
    ],
)
def test_every_shape(
    loading: Load, database: Target, attribute: str, is_async: bool, made: bool
) -> None:
    """An engine, a session factory, an attribute, a function: all lead to one engine."""
    loaded = loading(attribute)
    assert (loaded.is_async, loaded.made) == (is_async, made)
    target = loaded.target()
    assert (target.database, target.host) == (database.database, database.host)
    assert target.source == f'the engine "{loaded.spec}"'


def test_it_is_the_applications_own_engine(loading: Load, database: Target) -> None:
    """What is loaded works, and its pool is where the sync engine is."""
    loaded = loading("engine")
    with loaded.sync_engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar() == database.database
    loaded.sync_engine.dispose()


def test_nothing_is_printed_on_stdout(loading: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """stdout belongs to the report; the application's prints go to stderr."""
    loading("make")
    assert capsys.readouterr() == ("", "a line of the application\nanother one\n")


@pytest.mark.parametrize(
    ("attribute", "message", "detail", "hint"),
    [
        ("engin", 'has no "engin"', None, "Did you mean "),
        ("Unbound", "is no engine", "It is of type sessionmaker.", "Did you mean "),
        ("Database", "is no engine", "It is the class Database.", "Did you mean "),
        ("wrong", "is no engine", "It is of type str.", "Did you mean "),
        (
            "make_later",
            "is a coroutine function",
            "An engine made inside an event loop belongs to that loop.",
            "Name an engine, or a plain function that returns one.",
        ),
        ("make_with", "makes no engine", None, "It is called without arguments"),
        ("broken", "makes no engine", None, "It is called without arguments"),
        ("leaves", "makes no engine", None, "It is called without arguments"),
    ],
)
def test_what_is_no_engine(
    loading: Load, attribute: str, message: str, detail: str | None, hint: str
) -> None:
    """The error names the setting, what was found there, and what is near."""
    with pytest.raises(UsageError) as raised:
        loading(attribute)
    assert message in raised.value.message
    assert detail is None or raised.value.detail == detail
    assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize("spec", ["", "application", ":engine"])
def test_a_setting_that_names_no_variable(spec: str) -> None:
    """Module and variable both have to be named."""
    with pytest.raises(UsageError) as raised:
        load(spec, [])
    assert (raised.value.message, raised.value.hint) == (
        f'"{spec}" does not name an engine',
        'The setting names module and variable: engine = "package.module:engine"',
    )
