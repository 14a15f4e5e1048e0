"""Plans and loads on real databases, as the tests of seeding use them."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.metadata import Models
from dbtool.seed.build import build
from dbtool.seed.plan import Planned, Request
from dbtool.seed.rows import blocks
from dbtool.seed.survey import survey
from tests.conftest import ROOT

T = TypeVar("T")


@pytest.fixture(scope="session")
def example() -> Models:
    """The reference models."""
    from dbtool.metadata import load

    return load(["dbtool.example:Base"], ROOT)


@pytest.fixture(scope="session")
def company() -> Models:
    """The models with what the reference models lack."""
    from dbtool.metadata import load

    return load(["tests.seed.company:Base"], ROOT)


@pytest.fixture
def company_database(database: Target, company: Models) -> Target:
    """A database with the tables of the company models."""
    with_connection(database, company.metadatas[0].create_all)
    return database


@pytest.fixture
def session(migrated: Target) -> Iterator[SyncConnection]:
    """Somebody else who looks at the database."""
    with SyncConnection(migrated) as other:
        yield other


def with_connection(target: Target, function: Callable[[Connection], T]) -> T:
    """Call a function with a SQLAlchemy connection."""

    async def call() -> T:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        async with engine.begin() as connection:
            return await connection.run_sync(function)

    return asyncio.run(call())


def planned(target: Target, models: Models, request: Request) -> Planned:
    """A plan with its rows, nothing loaded."""
    with SyncConnection(target) as session:
        found = session.run(lambda connection: survey(connection, models, request))
    return build(found, request)


def texts(made: Planned) -> dict[str, list[str]]:
    """Every column of every table, as `table.column`."""
    found: dict[str, list[str]] = {}
    for load in made.loads:
        for rows in blocks(load.population):
            for name in load.population.generators:
                column = found.setdefault(f"{load.table.shown}.{name}", [])
                column.extend(rows.texts(name))
    return found


def digest(made: Planned) -> str:
    """One hash over everything a plan would load."""
    total = hashlib.sha256()
    for load in made.loads:
        total.update(load.table.shown.encode())
        for rows in blocks(load.population):
            total.update(rows.lines().encode())
    return total.hexdigest()
