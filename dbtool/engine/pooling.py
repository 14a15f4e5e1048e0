"""What an engine does with connections, read from the engine itself without connecting."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import Engine
from sqlalchemy.pool import AssertionPool, QueuePool, StaticPool

from dbtool.database.target import pooled
from dbtool.engine import LoadedEngine


@dataclass(frozen=True, slots=True)
class Statements:
    """The arguments that decide about prepared statements, as the driver gets them.

    `threshold` is psycopg's prepare_threshold, None where statements are never prepared.
    """

    cache_size: int
    names_given: bool
    threshold: int | None


@dataclass(frozen=True, slots=True)
class Pooling:
    """An engine's pool and driver; without `size` or `overflow` the pool has no limit.

    `pooler` is what shows a pooler, such as the URL's port. `statements` is None where a
    creator hides the arguments.
    """

    spec: str
    address: str
    user: str
    database: str
    driver: str
    driver_version: str
    pooler: str | None
    pool: str
    size: int | None
    overflow: int | None
    pre_ping: bool
    statements: Statements | None


_ASYNCPG_CACHE = 100
_PSYCOPG_THRESHOLD = 5


def pooling(loaded: LoadedEngine) -> Pooling:
    """Read the engine's pool and the arguments its driver gets."""
    engine, target = loaded.sync_engine, loaded.target()
    pool = engine.pool
    size, overflow = _limits(engine)
    return Pooling(
        spec=loaded.spec,
        address=target.address,
        user=target.user,
        database=target.database,
        driver=engine.dialect.driver,
        driver_version=_version(engine.dialect.driver),
        pooler=pooled(target),
        pool=type(pool).__name__,
        size=size,
        overflow=overflow,
        pre_ping=bool(pool._pre_ping),
        statements=_statements(engine),
    )


def _limits(engine: Engine) -> tuple[int | None, int | None]:
    """Connections the pool keeps and those beyond; None where there is no limit."""
    pool = engine.pool
    if isinstance(pool, QueuePool):
        size = pool.size()
        overflow = pool._max_overflow
        return size or None, None if overflow < 0 else overflow
    return (1, 0) if isinstance(pool, StaticPool | AssertionPool) else (None, None)


def _statements(engine: Engine) -> Statements | None:
    arguments = _arguments(engine)
    if arguments is None:
        return None
    given = arguments.get("statement_cache_size", _ASYNCPG_CACHE)
    threshold = arguments.get("prepare_threshold", _PSYCOPG_THRESHOLD)
    return Statements(
        cache_size=int(str(given)),
        names_given=arguments.get("prepared_statement_name_func") is not None,
        threshold=None if threshold is None else int(str(threshold)),
    )


def _arguments(engine: Engine) -> Mapping[str, object] | None:
    """What `create_engine` made of the URL and connect_args; only its closure keeps them."""
    creator = engine.pool._creator
    if getattr(creator, "__module__", "") != "sqlalchemy.engine.create":
        return None
    found = inspect.getclosurevars(creator).nonlocals.get("cparams")
    return found if isinstance(found, Mapping) else None


def _version(driver: str) -> str:
    try:
        return version(driver.removesuffix("_async"))
    except PackageNotFoundError:
        return ""
