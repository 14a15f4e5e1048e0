"""One database with the conditions indexes are made for, and one planner that is shown them all."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.explain.advice.choose import Choice, choose
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import Place, Shown, planner
from dbtool.explain.advice.replica import Replica
from dbtool.explain.advice.run import Adviser, look
from dbtool.explain.advice.tables import Known
from dbtool.scratch.server import Server

SETUP = """
CREATE EXTENSION pg_trgm;
CREATE TABLE customer AS
SELECT g AS id, 'User' || g || '@x.org' AS email, 'n' || g AS note FROM generate_series(1, 9000) g;
CREATE UNIQUE INDEX pk_customer ON customer (id);
CREATE TABLE orders AS
SELECT g AS id, g % 1000 AS customer_id, timestamp '2024-01-01' + g * interval '9 min' AS placed,
  CASE WHEN g % 100 = 0 THEN 'failed' WHEN g % 10 = 0 THEN 'new' ELSE 'done' END AS status,
  CASE WHEN g % 50 > 0 THEN now() END AS shipped, g % 7 AS total, g::numeric AS weight,
  jsonb_build_object('k', g % 500, 'z', g) AS data, ARRAY['t' || (g % 300)] AS tags
FROM generate_series(1, 20000) g;
CREATE INDEX ix_orders_total_id ON orders (total, id);
CREATE INDEX ix_orders_weight ON orders (weight, data);
CREATE INDEX ix_orders_placed_new ON orders (placed) WHERE status = 'new';
CREATE TABLE event (id int, at date, k int) PARTITION BY RANGE (at);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
INSERT INTO event SELECT g, date '2024-01-01' + g % 360, g % 3000 FROM generate_series(1, 30000) g;
CREATE TABLE invoice AS
SELECT g AS id, g % 8000 + 1 AS customer_id, repeat('x', 40) AS said
FROM generate_series(1, 12000) g;
ALTER TABLE customer ADD PRIMARY KEY USING INDEX pk_customer;
ALTER TABLE invoice ADD FOREIGN KEY (customer_id) REFERENCES customer;
CREATE TABLE place AS
SELECT g AS id, g % 40 AS city, g % 40 / 2 AS region, 'x' AS said FROM generate_series(1, 4000) g;
CREATE STATISTICS st_place (ndistinct, dependencies, mcv) ON city, region FROM place;
CREATE STATISTICS st_place_dependencies (dependencies) ON city, said FROM place;
CREATE TABLE tiny AS SELECT g AS id FROM generate_series(1, 500) g;
ANALYZE
"""


@pytest.fixture(scope="session")
def advised(server: Server) -> Target:
    """A database that tests only read."""
    target = server.create_database("advised_on")
    with SyncConnection(target) as connection:
        for statement in SETUP.split(";\n"):
            connection.execute(statement)
    return target


class Bench:
    """A connection, and a planner that was shown what all statements of the tests call for."""

    def __init__(self, target: Target, statements: tuple[str, ...]) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.adviser = self._runner.run(self._open(target, statements))

    async def _open(self, target: Target, statements: tuple[str, ...]) -> Adviser:
        self._connection = await connect(target)
        adviser = await look(self._connection, [Asked(each) for each in statements])
        shown = Shown(adviser.known, adviser.asked, adviser.names)
        found, why = await planner(Place(target), self._connection, shown, self._stack)
        assert isinstance(found, Replica), why
        self._planner = found
        return adviser

    @property
    def known(self) -> Known:
        """The tables."""
        return self.adviser.known

    def look(self, *asked: Asked) -> Adviser:
        """What is known of statements before any index was tried."""
        return self._runner.run(look(self._connection, asked))

    def choose(self, *statements: str) -> Choice:
        """The indexes chosen for statements."""
        adviser = self.look(*map(Asked, statements))
        return self._runner.run(
            choose(self._planner, adviser.asked, adviser.options, adviser.known)
        )

    def close(self) -> None:
        """End the throwaway server and the connection."""
        self._runner.run(self._stack.aclose())
        self._runner.run(self._connection.close())
        self._runner.close()
