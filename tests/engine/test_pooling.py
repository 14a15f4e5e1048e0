"""What is read of engines that nobody connects."""

from dataclasses import astuple

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from dbtool.engine import LoadedEngine
from dbtool.engine.pooling import Pooling, Statements, pooling

ASYNCPG = "postgresql+asyncpg://app:secret@db/shop"


def read(engine: Engine | AsyncEngine) -> Pooling:
    """What is read of one engine."""
    return pooling(LoadedEngine(engine, "app:engine", made=True))


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ({}, (5, 10)),
        ({"pool_size": 2, "max_overflow": 1}, (2, 1)),
        ({"pool_size": 0}, (None, None)),
        ({"max_overflow": -1}, (5, None)),
        ({"poolclass": NullPool}, (None, None)),
        ({"poolclass": StaticPool}, (1, 0)),
    ],
)
def test_limits_of_the_pool(
    arguments: dict[str, object], limits: tuple[int | None, int | None]
) -> None:
    """SQLAlchemy's own defaults, its two ways to say unlimited, and pools of other kinds."""
    found = read(create_async_engine(ASYNCPG, **arguments))
    assert (found.size, found.overflow) == limits


def test_arguments_for_prepared_statements() -> None:
    """From connect_args, as a number or as text, with the driver's own defaults."""
    given = [
        {},
        {"statement_cache_size": 0},
        {"statement_cache_size": "0", "prepared_statement_name_func": str},
    ]
    found = [read(create_async_engine(ASYNCPG, connect_args=each)).statements for each in given]
    assert found == [Statements(100, False, 5), Statements(0, False, 5), Statements(0, True, 5)]
    psycopg = "postgresql+psycopg://app@db/shop"
    never = read(create_engine(psycopg, connect_args={"prepare_threshold": None})).statements
    assert never == Statements(100, False, None)


def test_a_creator_hides_the_arguments() -> None:
    """What cannot be read is said to be unknown."""
    engine = create_engine("postgresql+psycopg://app@db/shop", creator=lambda: None)
    assert read(engine).statements is None


def test_where_it_leads_and_no_secret() -> None:
    """A pooler's port, the role and the database; the password is not kept."""
    found = read(create_async_engine(ASYNCPG.replace("@db", "@db:6432"), pool_pre_ping=True))
    assert (found.user, found.database, found.pooler, found.pre_ping) == (
        "app",
        "shop",
        "port 6432 is a pooler's",
        True,
    )
    assert "secret" not in str(astuple(found))
