"""Runs on a throwaway server, of projects whose env.py does not say where it connects."""

from contextlib import chdir

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.replayed import replay
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.migrate.conftest import Decoy, url
from tests.migrate.projects import MIGRATE, Small
from tests.migrate.test_identity import (
    ASYNC,
    ASYNC_CREATOR,
    CREATES,
    CREATOR,
    DONE,
    SYNC,
    TWO_ENGINES,
    Tables,
)

BOTH = """
from alembic import context
from sqlalchemy import create_engine
{migrate}
for place in ("{first}", "{second}"):
    with create_engine(place).connect() as connection:
        migrate(connection)
"""
NOWHERE = "host=/nowhere dbname=none"
HARD_CODED = "postgresql+{}://somebody@/postgres?host=/nowhere"


def replayed(project: Small, target: Target) -> None:
    """Run the history on a database that counts as a throwaway one."""
    with chdir(project.root):
        replay(Project(find(None, None, project.root), root=project.root), target, Silent())


@pytest.mark.parametrize("env", [CREATOR, ASYNC_CREATOR], ids=["creator", "async_creator"])
def test_a_function_that_connects_is_not_called(
    project: Small, database: Target, tables: Tables, env: str
) -> None:
    """It would lead to the team's own server, here to none; the run is on the throwaway one."""
    project.env(env.format(migrate=MIGRATE, libpq=NOWHERE))
    replayed(project, database)
    assert tables() == DONE


def test_a_second_database_is_an_empty_one(
    project: Small, database: Target, server: Server, decoy: Decoy, tables: Tables
) -> None:
    """What env.py does in another database it does beside the throwaway one."""
    project.env(TWO_ENGINES.format(migrate=MIGRATE, first=url(database), second=url(decoy.target)))
    replayed(project, database)
    assert (tables(), decoy.statements()) == (DONE, [])
    with SyncConnection(server.target()) as connection:
        rows = connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'aside\\_%'")
    for (name,) in rows:
        with SyncConnection(server.target().with_database(name)) as connection:
            assert connection.fetchval("SELECT to_regclass('audit')") == "audit"
        server.drop_database(name)
    assert len(rows) == 1


@pytest.mark.parametrize(("env", "driver"), [(SYNC, "psycopg"), (ASYNC, "asyncpg")])
def test_alembic_is_led_from_a_maintenance_database_too(
    project: Small, database: Target, tables: Tables, env: str, driver: str
) -> None:
    """Where a team's own database is called `postgres`, its history runs on the throwaway one."""
    project.env(env.format(migrate=MIGRATE, url=HARD_CODED.format(driver)))
    replayed(project, database)
    assert tables() == DONE


def test_a_maintenance_database_may_be_looked_into_first(
    project: Small, database: Target, tables: Tables
) -> None:
    """An env.py that asks it whether its own database exists is led as it was."""
    project.env(CREATES.format(migrate=MIGRATE, url=url(database)))
    replayed(project, database)
    assert tables() == DONE


@pytest.mark.parametrize("maintenance", ["first", "second", ""])
def test_two_histories_are_not_taken_for_one(
    project: Small, database: Target, server: Server, decoy: Decoy, maintenance: str
) -> None:
    """Alembic at work in both is several databases, and one is the throwaway one."""
    places = {"first": url(database), "second": url(decoy.target)}
    if maintenance:
        places[maintenance] = HARD_CODED.format("psycopg")
    project.env(BOTH.format(migrate=MIGRATE, **places))
    with pytest.raises(OperationError, match="the project connects to two databases"):
        replayed(project, database)
    assert decoy.statements() == []
    with SyncConnection(server.target()) as connection:
        rows = connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'aside\\_%'")
    for (name,) in rows:
        server.drop_database(name)
