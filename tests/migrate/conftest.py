"""Fixtures of the migration tests: a small project, and a server that nothing may touch."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR, Dbtool, Ran
from tests.migrate.projects import FROM_CONFIG, Small, small
from tests.projects.background import Background
from tests.projects.runner import Runner

_numbers = count(1)
_OURS = ("%pg_locks%", "%pg_stat_statements%", "BEGIN%", "ROLLBACK%", "%current_schema%")


def url(target: Target, driver: str = "psycopg") -> str:
    """The URL of a database as env.py writes it."""
    return target.sqlalchemy_url(driver)


def plain(target: Target) -> str:
    """The URL of a database as people give it to dbtool."""
    return target.sqlalchemy_url("psycopg").replace("+psycopg", "", 1)


@dataclass(frozen=True, slots=True)
class Decoy:
    """A database on another server, of which everything that is run in it is recorded."""

    target: Target

    def statements(self) -> list[str]:
        """What has been run in it, except the question by which dbtool recognises a database."""
        with SyncConnection(self.target.with_database("postgres")) as connection:
            rows = connection.fetch(
                "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
                " WHERE d.datname = $1 AND NOT query LIKE ANY ($2)",
                self.target.database,
                list(_OURS),
            )
        return [row[0] for row in rows]


@pytest.fixture(scope="session")
def decoy_server() -> Iterator[Server]:
    """Another server, on which every statement is counted."""
    settings = {"pg_stat_statements.track_utility": "on", "max_prepared_transactions": "5"}
    with throwaway(MAJOR, settings=settings) as server:
        with SyncConnection(server.target()) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield server


@pytest.fixture
def decoy(decoy_server: Server) -> Iterator[Decoy]:
    """A database of the other server, never to be touched."""
    name = f"decoy_{next(_numbers)}"
    yield Decoy(decoy_server.create_database(name))
    decoy_server.drop_database(name)


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project of two revisions whose env.py takes the URL it is given."""
    return small(tmp_path / "project", FROM_CONFIG)


Run = Callable[..., Ran]
Git = Callable[..., str]


@pytest.fixture
def run(dbtool: Dbtool, project: Small, database: Target) -> Run:
    """Run dbtool in the project, pointed at `database`."""

    def pointed(*arguments: str, **named: object) -> Ran:
        words = ("--url", plain(database), *arguments)
        return dbtool(*words, cwd=named.pop("cwd", project.root), **named)

    return pointed


@pytest.fixture
def git() -> Git:
    """Runs git as somebody with a name and without settings."""

    def run(root: Path, *words: str) -> str:
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": "a@b.c"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        command = ("git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always")
        ran = subprocess.run(
            [*command, *words], cwd=root, env=clean, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    return run


@pytest.fixture
def tables(database: Target) -> Callable[[], list[str]]:
    """Lists the tables of `database`."""

    def read() -> list[str]:
        with SyncConnection(database) as connection:
            rows = connection.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        return [row[0] for row in rows]

    return read


Start = Callable[..., Background]


@pytest.fixture
def start(project: Small, database: Target, runner: Runner) -> Iterator[Start]:
    """Starts upgrades in the background; none outlives the test."""
    started: list[Background] = []

    def begin(*arguments: str, **variables: str) -> Background:
        named = () if "DATABASE_URL" in variables else ("--url", plain(database))
        words = ("upgrade", "-y", *named, *arguments)
        process = runner.begin("dbtool", *words, cwd=project.root, env=os.environ | variables)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.close()


@pytest.fixture
def watch(database: Target) -> Iterator[SyncConnection]:
    """A connection that looks on."""
    with SyncConnection(database) as connection:
        yield connection


def standing_at(
    connection: SyncConnection, revision: str, sql: str = "CREATE TABLE t1 (id int)"
) -> None:
    """Make of an empty database what an upgrade to a revision leaves: its tables, and its id."""
    connection.execute(
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));"
        f"INSERT INTO alembic_version VALUES ('{revision}'); {sql}"
    )


def running(watch: SyncConnection, text: str, at: str = "") -> list[int]:
    """The sessions that run a statement with this text, perhaps those that wait `at` something.

    One that is parsed, and waits for its client to say that it is to run, counts as active too.
    """
    rows = watch.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'active' AND pid <> pg_backend_pid() AND strpos(query, $1) > 0"
        " AND wait_event IS DISTINCT FROM 'ClientRead' AND $2 IN ('', wait_event_type)",
        text,
        at,
    )
    return [row[0] for row in rows]


def at_rest(connection: SyncConnection) -> bool:
    """Whether the sessions of earlier runs have ended: until then they keep others away."""
    rows = connection.fetch(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return not rows
