"""One call of an application: what it sends, why, and that nothing of it stays."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.engine import load
from dbtool.engine.calling import Terms, load_callable, trace
from dbtool.engine.record import Traced
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.explain.run import How
from dbtool.explain.trace.groups import Trace, grouped
from dbtool.explain.trace.judging import RULES, explained, judged, permitted
from dbtool.explain.trace.view import report
from dbtool.finding import rule_name
from dbtool.guard import Consent, Permission
from dbtool.ports import Silent
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.scratch.server import Server
from dbtool.settings.environments import Environment
from tests.conftest import Ran
from tests.processes import eventually

_SETUP = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, author_id int REFERENCES users, title text);
INSERT INTO users SELECT g, 'user ' || g FROM generate_series(1, 15) g;
INSERT INTO posts SELECT g, 1 + g % 15, 'post ' || g FROM generate_series(1, 30) g;
ANALYZE
"""

_APPLICATION = """
from sqlalchemy import ForeignKey, create_engine, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship, selectinload
)
from sqlalchemy.pool import NullPool

URL = {url!r}


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: Mapped[list["Post"]] = relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    author: Mapped[User] = relationship(back_populates="posts")


sync_engine = create_engine(URL.replace("asyncpg", "psycopg"))
other_engine = create_engine(URL.replace("asyncpg", "psycopg"))
forgetful = create_engine(URL.replace("asyncpg", "psycopg"), poolclass=NullPool)
engine = create_async_engine(URL)
Async = async_sessionmaker(engine)


def authors(session):
    for post in session.scalars(select(Post)):
        post.author.name


def renames(session):
    user = session.get(User, 1)
    user.name = "renamed"
    session.commit()
    session.expire_all()
    assert user.name == "renamed"
    session.commit()
    with Session(session.get_bind()) as another:
        assert another.get(User, 1).name == "renamed"
        another.delete(another.get(Post, 3))
        another.rollback()
        assert another.get(Post, 3) is not None


async def renames_async(session: AsyncSession):
    (await session.get(User, 1)).name = "renamed"
    await session.commit()
    async with Async() as another:
        assert (await another.get(User, 1)).name == "renamed"


async def alone():
    async with Async() as session:
        await session.scalars(select(User).where(User.id == 3))


def sends_commit(session):
    session.execute(text("/* really */ COMMIT"))


def autocommits(session):
    session.connection(execution_options={{"isolation_level": "AUTOCOMMIT"}})


def swallows(session):
    try:
        session.execute(text("commit"))
    except Exception:
        pass


def commits_raw(session):
    raw = sync_engine.raw_connection()
    raw.cursor().execute("UPDATE users SET name = 'renamed'")
    raw.commit()


async def commits_raw_async(session: AsyncSession):
    connection = await session.connection()
    await connection.execute(text("UPDATE users SET name = 'renamed'"))
    raw = await connection.get_raw_connection()
    raw.dbapi_connection.commit()


def inserts(session):
    session.execute(text("INSERT INTO users VALUES (99, 'x')"))


def sleeps(session):
    session.execute(text("SELECT pg_sleep(9)"))


async def sleeps_async(session):
    await session.execute(text("SELECT pg_sleep(9)"))


def elsewhere(session):
    with Session(other_engine) as another:
        another.get(User, 1)


def fails(session):
    session.execute(text("INSERT INTO users VALUES (99, 'new')"))
    session.commit()
    raise RuntimeError("postgresql://me:secret@host/db is wrong")


def recovers(session):
    try:
        session.execute(text("SELECT nope"))
    except Exception:
        session.rollback()
    session.get(User, 1)


def two(first, second):
    pass
"""


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A small database that no test changes for good."""
    created = server.create_database("traced")
    with SyncConnection(created) as connection:
        connection.execute(_SETUP)
    yield created
    server.drop_database("traced")


@pytest.fixture
def watcher(target: Target) -> Iterator[SyncConnection]:
    """Another session, to see what stays."""
    with SyncConnection(target) as connection:
        yield connection


@pytest.fixture(scope="module")
def project(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with an application."""
    directory = tmp_path_factory.mktemp("traced")
    (directory / "traced_app.py").write_text(_APPLICATION.format(url=target.sqlalchemy_url()))
    path = list(sys.path)
    yield directory
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith("traced_")]:
        del sys.modules[name]


_SQLMODEL = """
from sqlmodel import select, text
from sqlmodel.ext.asyncio.session import AsyncSession


def executes(session):
    assert session.exec(select(text("7"))).one() == 7


async def executes_async(session: AsyncSession):
    assert (await session.exec(select(text("7")))).one() == 7
"""


def traced(
    project: Path,
    target: Target,
    function: str,
    engine: str = "sync_engine",
    *,
    commits: bool = False,
    seconds: float = 10.0,
) -> Traced:
    """A call of one of its functions."""
    loaded = load(f"traced_app:{engine}", (project,))
    spec = f"traced_app:{function}"
    terms = Terms(target, seconds, commits, (project,))
    return trace(loaded, load_callable(spec, (project,)), spec, terms)


_BLOCK = re.compile(r"^(Bad|Good):\n```python\n(.*?)```", re.S | re.M)
_EXAMPLES = [
    pytest.param(rule, kind, code, id=f"{rule_name(rule.__name__)}-{kind}")
    for rule in RULES
    for kind, code in _BLOCK.findall(rule.__doc__ or "")
]


@pytest.mark.parametrize(("rule", "kind", "code"), _EXAMPLES)
def test_examples(target: Target, project: Path, rule: ModuleType, kind: str, code: str) -> None:
    """What a rule's page calls bad is found on a real session, what it calls good is not."""
    name = f"traced_{rule.__name__.rpartition('.')[2]}_{kind.lower()}"
    file = project / f"{name}.py"
    file.write_text(f"from traced_app import *\n\n\n{code}")
    loaded = load("traced_app:sync_engine", (project,))
    spec = f"{name}:run"
    terms = Terms(target, 10.0, False, (project,))
    found = judged(grouped(trace(loaded, load_callable(spec, (project,)), spec, terms)))
    rules = {finding.rule for finding in found.findings}
    assert rules == ({rule_name(rule.__name__)} if kind == "Bad" else set())
    places = {finding.location.file for finding in found.findings if finding.location}
    assert places == ({file.name} if kind == "Bad" else set())


def test_every_rule_has_both_examples() -> None:
    """A page without a bad and a good block cannot be checked."""
    for rule in RULES:
        kinds = [kind for kind, _ in _BLOCK.findall(rule.__doc__ or "")]
        assert kinds == ["Bad", "Good"], rule.__name__


def test_the_way_to_the_loader_option(target: Target, project: Path) -> None:
    """A relationship to one object is joined, and is loaded once for each object there is."""
    found = judged(grouped(traced(project, target, "authors")))
    (finding,) = found.findings
    assert finding.title == "Post.author is loaded 15 times, once for each object"
    assert finding.fix is not None
    assert finding.fix.code == ".options(joinedload(Post.author))"


@pytest.mark.parametrize(
    ("function", "engine"),
    [
        ("renames", "sync_engine"),
        ("renames", "forgetful"),
        ("renames_async", "engine"),
        ("authors", "engine"),
        ("alone", "engine"),
        ("recovers", "sync_engine"),
    ],
)
def test_nothing_stays(
    target: Target, project: Path, watcher: SyncConnection, function: str, engine: str
) -> None:
    """The application sees what it committed, and afterwards nobody does; no session is left."""
    found = traced(project, target, function, engine)
    assert found.records
    assert all(record.source is not None for record in found.records)
    assert {record.source.file for record in found.records if record.source} == {"traced_app.py"}
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert eventually(lambda: watcher.fetchval(f"{left} AND pid <> pg_backend_pid()") == 0), (
        "a session of the application is still there"
    )
    assert watcher.fetchval("SELECT count(*) FROM users WHERE name = 'renamed'") == 0
    assert watcher.fetchval("SELECT count(*) FROM posts") == 30


def test_commits_are_counted(target: Target, project: Path) -> None:
    """Two of one session, then a rollback of the other, over one connection."""
    found = traced(project, target, "renames")
    assert (found.commits, found.kept, found.connections) == (2, False, 1)
    assert found.rollbacks >= 1


@pytest.mark.parametrize(("function", "told"), [("renames", True), ("authors", False)])
def test_what_connections_do_not_see_of_each_other(
    target: Target, project: Path, function: str, told: bool
) -> None:
    """Said where something was committed that another connection might have read."""
    found = traced(project, target, function)
    notes = report(grouped(replace(found, connections=2))).notes
    assert any("2 connections" in each and "--allow-writes" in each for each in notes) is told


def test_commits_stay_where_that_is_wanted(
    target: Target, project: Path, watcher: SyncConnection
) -> None:
    """With consent the application's transactions are its own."""
    found = traced(project, target, "renames", commits=True)
    changed = watcher.fetchval("SELECT count(*) FROM users WHERE name = 'renamed'")
    watcher.execute("UPDATE users SET name = 'user 1' WHERE id = 1")
    assert (found.kept, changed) == (True, 1)


@pytest.mark.parametrize(
    ("function", "engine", "message"),
    [
        ("sends_commit", "sync_engine", "the application sends /* really */ COMMIT itself"),
        ("sends_commit", "engine", "the application sends /* really */ COMMIT itself"),
        ("swallows", "sync_engine", "the application sends commit itself"),
        ("autocommits", "sync_engine", "the application asks for AUTOCOMMIT"),
        ("autocommits", "engine", "the application asks for AUTOCOMMIT"),
        ("elsewhere", "sync_engine", "the application uses a second engine"),
        ("commits_raw", "sync_engine", "the application commits on the driver's connection"),
        ("commits_raw_async", "engine", "the application commits on the driver's connection"),
    ],
)
def test_what_could_not_be_rolled_back_is_refused(
    target: Target,
    project: Path,
    watcher: SyncConnection,
    function: str,
    engine: str,
    message: str,
) -> None:
    """Also where the application swallows the exception."""
    with pytest.raises(UsageError) as caught:
        traced(project, target, function, engine)
    assert caught.value.message.startswith(message)
    assert watcher.fetchval("SELECT count(*) FROM users WHERE name = 'renamed'") == 0


@pytest.mark.parametrize("engine", ["sync_engine", "engine"])
def test_another_database_is_refused(
    server: Server, target: Target, project: Path, watcher: SyncConnection, engine: str
) -> None:
    """An engine that does not lead to the database that is named runs nothing."""
    named = target.with_database("postgres")
    with pytest.raises(OperationError, match="leads to another database than the one"):
        traced(project, named, "renames" if engine == "sync_engine" else "renames_async", engine)
    assert watcher.fetchval("SELECT count(*) FROM users WHERE name = 'renamed'") == 0


def test_a_failure_is_placed_and_keeps_no_secret(
    target: Target, project: Path, watcher: SyncConnection
) -> None:
    """The team's own line, the exception without passwords, and what became of the data."""
    with pytest.raises(OperationError) as caught:
        traced(project, target, "fails")
    assert caught.value.message == '"traced_app:fails" failed while it was traced'
    assert re.match(r"traced_app\.py, line \d+: RuntimeError: ", caught.value.detail)
    assert "secret" not in caught.value.detail
    assert caught.value.detail.endswith("All of it was rolled back.")
    assert watcher.fetchval("SELECT count(*) FROM users") == 15


@pytest.mark.parametrize(
    ("function", "engine"), [("sleeps", "sync_engine"), ("sleeps_async", "engine")]
)
def test_a_statement_that_takes_too_long_says_what_gives_it_longer(
    target: Target, project: Path, monkeypatch: pytest.MonkeyPatch, function: str, engine: str
) -> None:
    """Whatever the driver calls it."""
    # A test before may have loaded it, whose sessions warn of `execute`.
    monkeypatch.delitem(sys.modules, "sqlmodel", raising=False)
    with pytest.raises(OperationError) as caught:
        traced(project, target, function, engine, seconds=3.0)
    said = caught.value
    assert said.hint == "--timeout 6 gives each statement longer than 3 s.", said.detail


@pytest.mark.parametrize(
    ("function", "engine"),
    [("executes", "sync_engine"), ("executes", "engine"), ("executes_async", "engine")],
)
def test_an_application_of_sqlmodel_gets_its_session(
    target: Target, project: Path, function: str, engine: str
) -> None:
    """Its `exec` is there, on a plain and on an asynchronous engine."""
    (project / "traced_sqlmodel.py").write_text(_SQLMODEL)
    loaded = load(f"traced_app:{engine}", (project,))
    spec = f"traced_sqlmodel:{function}"
    found = trace(loaded, load_callable(spec, (project,)), spec, Terms(target, 10, False, ()))
    assert [record.text for record in found.records] == ["SELECT 7"]


@pytest.mark.parametrize(("function", "told"), [("inserts", True), ("authors", False)])
def test_what_no_rollback_takes_back(
    target: Target, project: Path, function: str, told: bool
) -> None:
    """Sequences do not go back; where nothing took a number nothing is said."""
    notes = report(grouped(traced(project, target, function))).notes
    assert ("numbers that were taken from sequences stay taken" in notes) is told


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("traced_app", '"traced_app" names no function'),
        ("traced_app:URL", '"traced_app:URL" is no function'),
        ("traced_app:two", '"traced_app:two" takes 2 arguments'),
        ("traced_app:renamed", '"traced_app" has no "renamed" (for "traced_app:renamed")'),
    ],
)
def test_what_is_no_function_is_told(project: Path, spec: str, message: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(UsageError) as caught:
        load_callable(spec, (project,))
    assert caught.value.message == message


def test_statements_are_explained_with_their_values(target: Target, project: Path) -> None:
    """Of every driver; what writes is planned and not run again."""
    for function, engine in (("renames", "sync_engine"), ("renames_async", "engine")):
        found = with_plans(target, grouped(traced(project, target, function, engine)))
        plans = {group.text.split()[0]: group.examined for group in found.groups}
        read, wrote = plans["SELECT"], plans["UPDATE"]
        assert read is not None, [group.unexplained for group in found.groups]
        assert read.times is not None
        assert wrote is not None
        assert wrote.times is None
        assert any("(users.id = 1)" in node.text("Filter") for node in wrote.plan.nodes)


def with_plans(target: Target, found: Trace) -> Trace:
    """The trace with its statements explained."""
    return explained(found, target, How(), Permission(), Silent())


def test_what_a_reader_sees(target: Target, project: Path) -> None:
    """How many statements, the table with lines and relationships, the finding, the end."""
    found = judged(with_plans(target, grouped(traced(project, target, "authors"))))
    lines = render(report(found), Screen(100, color=False, drawing=False)).splitlines()
    assert re.fullmatch(r"16 statements in .* of it waiting for them; 2 different", lines[0])
    assert lines[2].split()[-4:] == ["rows", "sent", "by", "statement"]
    (row,) = [line for line in lines if "Post.author lazy traced_app.py:" in line]
    assert row.split()[1] == "15"
    assert lines[-3].endswith("all of it is rolled back")


def test_who_has_to_agree(target: Target) -> None:
    """Rolled back it runs freely in development; elsewhere, and to keep it, somebody agrees."""
    live = Environment("live", production=True, source="[tool.dbtool] env.live")

    def refused(permission: Permission, *, commits: bool) -> DbtoolError:
        with pytest.raises(DbtoolError) as caught:
            permitted(target, permission, commits=commits, seconds=None)
        return caught.value

    assert permitted(target, Permission(), commits=False, seconds=None) == 30.0
    assert "needs a yes" in refused(Permission(), commits=True).message
    production = Permission(Consent(yes=True), environment=lambda _: live)
    assert 'needs the name "traced" typed' in refused(production, commits=False).message
    named = Permission(Consent(confirm_database="traced"), environment=lambda _: live)
    assert permitted(target, named, commits=True, seconds=None) == 10.0


def test_on_the_command_line(target: Target, project: Path, dbtool: Callable[..., Ran]) -> None:
    """The engine's own URL says where, when nothing else does."""
    engine = ("--engine", "traced_app:engine")
    ran = dbtool("trace", "traced_app:authors", *engine, "--fail-on", "warning", cwd=project)
    assert (ran.code, "Post.author is loaded 15 times" in ran.out) == (1, True), ran.err
    ran = dbtool("trace", "traced_app:authors", cwd=project)
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: no engine is named")
