"""The server's own planner, shown indexes that HypoPG pretends to hold."""

from collections.abc import Iterator

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import Place
from dbtool.explain.advice.run import advise
from dbtool.explain.advice.trial import Wishes, try_indexes
from dbtool.scratch.server import Server
from tests.processes import absent

pytestmark = pytest.mark.pg("==15")

_AVAILABLE = "SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'"


@pytest.fixture(scope="module")
def target(server: Server, advised: Target) -> Iterator[Target]:
    """The database of the other tests, with the extension."""
    created = server.create_database("pretending", advised.database)
    with SyncConnection(created) as connection:
        if not connection.fetchval(_AVAILABLE):
            absent("hypopg", "apt install postgresql-15-hypopg")
        connection.execute("CREATE EXTENSION hypopg")
    yield created
    server.drop_database(created.database)


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        ("SELECT * FROM orders WHERE customer_id = 7", ["orders (customer_id)"]),
        ("SELECT * FROM event WHERE k = 7", ["event (k)"]),
        ("SELECT * FROM customer WHERE lower(email) = 'x'", ["customer (lower(email))"]),
        ("SELECT * FROM orders WHERE status = 'done'", []),
    ],
)
def test_choices(target: Target, statement: str, indexes: list[str]) -> None:
    """Parts of tables, expressions, and nothing that would not pay; no index is created."""
    found = advise(Place(target), [Asked(statement)])
    assert "through HypoPG" in found.planner
    assert [each.shown for each in found.proposals] == indexes
    with SyncConnection(target) as connection:
        assert connection.fetchval("SELECT count(*) FROM pg_class WHERE relname LIKE 'ix%k'") == 0


def test_a_throwaway_server_helps_out(target: Target) -> None:
    """HypoPG pretends no GIN index."""
    found = advise(Place(target), [Asked("SELECT * FROM orders WHERE tags @> ARRAY['t3']")])
    assert "throwaway" in found.planner
    assert [each.shown for each in found.proposals] == ["orders USING gin (tags)"]


def test_an_index_is_tried(target: Target) -> None:
    """It is told by the name it would have."""
    wishes = Wishes(("CREATE INDEX ON orders (customer_id)",))
    found = try_indexes(
        Place(target), [Asked("SELECT 1 FROM orders WHERE customer_id = 7")], wishes
    )
    names = [node.text("Index Name") for node in found.plans[0].nodes]
    assert "ix_orders_customer_id" in names
