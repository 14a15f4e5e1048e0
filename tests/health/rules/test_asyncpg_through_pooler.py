"""asyncpg-through-pooler before a real PgBouncer, and directly."""

import dataclasses
from importlib.metadata import version

from dbtool.database.target import Target
from dbtool.finding import Certainty, Severity
from dbtool.health.pool import read
from dbtool.health.rules import asyncpg_through_pooler
from dbtool.health.session import Driver
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy


def test_a_pooled_endpoint_is_warned_of(database: Target) -> None:
    """The evidence, the installed versions and the arguments to use."""
    with pgbouncer(database) as pooler:
        (found,) = asyncpg_through_pooler.check(read(pooler.target))
    assert (found.severity, found.certainty) == (Severity.WARNING, Certainty.HEURISTIC)
    assert "start-up option" in found.evidence[0]
    assert (
        f"asyncpg {version('asyncpg')} and SQLAlchemy {version('sqlalchemy')} are installed here"
        in found.evidence
    )
    assert found.fix is not None
    assert found.fix.code == (
        'engine = create_async_engine(url, connect_args={"statement_cache_size": 0})'
    )
    assert "upgrade" not in found.fix.label


def test_an_old_asyncpg_must_be_upgraded_first(database: Target) -> None:
    """Before 0.31 the argument alone does not help."""
    with pgbouncer(database) as pooler:
        pool = read(pooler.target)
    endpoint = dataclasses.replace(pool.endpoint, driver=Driver("0.30.0", "2.0.40"))
    (found,) = asyncpg_through_pooler.check(dataclasses.replace(pool, endpoint=endpoint))
    assert found.fix is not None
    assert found.fix.label.endswith("upgrade asyncpg to 0.31 or newer first")


def test_a_server_is_not_warned_of(database: Target) -> None:
    """Neither directly nor through something that only forwards bytes."""
    assert list(asyncpg_through_pooler.check(read(database))) == []
    with proxy(database) as through:
        assert list(asyncpg_through_pooler.check(read(through.target))) == []
