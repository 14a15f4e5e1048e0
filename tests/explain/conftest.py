"""The shop of the rules' examples, and a database whose functions sleep for a known time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server
from dbtool.sql.script import Role, split
from tests.explain.sleepers import SETUP as _SLEEPERS

_SHOP = Path(__file__).with_name("shop.sql").read_text(encoding="utf-8")

_NAPS = """
CREATE FUNCTION nap(ms float8, v anyelement) RETURNS anyelement
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$ BEGIN PERFORM pg_sleep(ms / 1000); RETURN v; END $$;
CREATE TABLE few AS SELECT g AS id FROM generate_series(1, 5) g;
CREATE TABLE t AS SELECT g AS id, g % 10 AS k FROM generate_series(1, 1000) g;
CREATE TABLE big AS SELECT g AS id, g % 1000 AS k, repeat('x', 100) AS p
FROM generate_series(1, 20000) g;
CREATE TABLE parted (id int, k int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (5000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (5000) TO (10001);
INSERT INTO parted SELECT g, g % 100 FROM generate_series(1, 10000) g;
CREATE INDEX ON big (id);
ANALYZE
"""


def _statements(script: str) -> list[str]:
    return [piece.text for piece in split(script) if piece.role is Role.STATEMENT]


def _load(target: Target, script: str) -> None:
    with SyncConnection(target) as connection:
        # VACUUM can mark a page only when the commits on it have reached the disk.
        connection.execute("SET synchronous_commit = on")
        for statement in _statements(script):
            connection.execute(statement)


@pytest.fixture(scope="session")
def shop_template(server: Server) -> str:
    """The name of a database with the shop; it is only cloned and read."""
    target = server.create_database("shop")
    _load(target, _SHOP)
    return target.database


@pytest.fixture
def shop(server: Server, shop_template: str) -> Iterator[Target]:
    """A shop of one's own."""
    yield server.create_database("own_shop", shop_template)
    server.drop_database("own_shop")


@pytest.fixture(scope="session")
def open_shop(server: Server) -> Target:
    """A shop that all tests share, to be read only."""
    target = server.create_database("open_shop")
    _load(target, _SHOP)
    return target


@pytest.fixture(scope="session")
def naps(server: Server) -> Iterator[SyncConnection]:
    """A database with `nap(ms, value)`, which sleeps; it is only read."""
    target = server.create_database("naps")
    _load(target, _SLEEPERS + _NAPS)
    with SyncConnection(target) as connection:
        yield connection
