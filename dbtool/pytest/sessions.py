"""Engines and sessions for tests, in whichever event loop a test runs."""

import functools
import inspect
import sys
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
    from sqlalchemy.orm import Session

    from dbtool.database.target import Target


def engine(target: "Target") -> "Engine":
    """A synchronous engine on the driver that is installed."""
    from sqlalchemy import create_engine

    from dbtool.migrate.destination import synchronous_driver

    try:
        return create_engine(target.sqlalchemy_url(synchronous_driver()))
    except ModuleNotFoundError as error:
        hint = 'pip install "psycopg[binary]"; on asyncpg there is dbtool_async_session'
        pytest.fail(
            f"error: a synchronous engine takes another driver: {error}\nhint: {hint}",
            pytrace=False,
        )


def async_engine(target: "Target") -> "AsyncEngine":
    """An asynchronous engine that keeps no connection for another event loop to find."""
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    return create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)


def run_within(
    context: AbstractAsyncContextManager[object], request: pytest.FixtureRequest
) -> bool:
    """Run an `async def` test inside of the context: its event loop may be gone afterwards."""
    test = request.node.obj
    if not inspect.iscoroutinefunction(test):
        return False

    @functools.wraps(test)
    async def run(*arguments: object, **named: object) -> object:
        async with context:
            return await test(*arguments, **named)

    request.node.obj = run
    return True


def session_class() -> "type[Session]":
    """SQLModel's session where the project uses SQLModel."""
    if "sqlmodel" in sys.modules:
        from sqlmodel import Session as Own

        return Own
    from sqlalchemy.orm import Session

    return Session


def async_session_class() -> "type[AsyncSession]":
    """The same for coroutines."""
    if "sqlmodel" in sys.modules:
        from sqlmodel.ext.asyncio.session import AsyncSession as Own

        return Own
    from sqlalchemy.ext.asyncio import AsyncSession

    return AsyncSession
