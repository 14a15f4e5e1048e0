"""Which index is chosen, on a planner with the statistics of the database and none of its rows."""

from collections.abc import Iterator

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.explain.advice.cost import size
from dbtool.explain.advice.existing import covers, outgrown
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.wished import parse
from tests.explain.advice.conftest import Bench

CASES = {
    "SELECT * FROM orders WHERE customer_id = 7": ["orders (customer_id)"],
    "SELECT * FROM orders WHERE customer_id = 7 AND status = 'failed'": ["orders (customer_id)"],
    "SELECT * FROM orders WHERE status = 'failed'": ["orders (status) WHERE status = 'failed'"],
    "SELECT * FROM orders WHERE status = 'done'": [],
    "SELECT * FROM orders WHERE shipped IS NULL AND placed > '2024-03-01'": [
        "orders (placed) WHERE shipped IS NULL"
    ],
    "SELECT * FROM orders WHERE placed >= '2024-02-01' AND placed < '2024-02-02'": [
        "orders (placed)"
    ],
    "SELECT * FROM orders ORDER BY placed DESC LIMIT 5": ["orders (placed)"],
    "SELECT max(placed) FROM orders": ["orders (placed)"],
    "SELECT * FROM orders WHERE status = 'failed' ORDER BY weight, data LIMIT 20": [
        "orders (status, weight, data)"
    ],
    "SELECT * FROM invoice WHERE customer_id BETWEEN 7 AND 70": ["invoice (customer_id)"],
    "SELECT * FROM orders WHERE status = 'new' ORDER BY id LIMIT 5 OFFSET 1500": [],
    "SELECT c.note, o.id FROM customer c JOIN orders o ON o.customer_id = c.id WHERE c.id = 7": [
        "orders (customer_id)"
    ],
    "SELECT * FROM customer WHERE lower(email) = 'user7@x.org'": ["customer (lower(email))"],
    "SELECT * FROM orders WHERE data ->> 'z' = '3'": ["orders ((data ->> 'z'))"],
    """SELECT * FROM orders WHERE data @> '{"k": 3}'""": ["orders USING gin (data jsonb_path_ops)"],
    "SELECT * FROM orders WHERE tags @> ARRAY['t3']": ["orders USING gin (tags)"],
    "SELECT * FROM customer WHERE email LIKE 'User77%'": ["customer (email)"],
    "SELECT * FROM customer WHERE email ILIKE '%user77@%'": [
        "customer USING gin (email gin_trgm_ops)"
    ],
    "SELECT * FROM event WHERE k = 7": ["event (k)"],
    "SELECT * FROM orders WHERE customer_id = 7 OR placed = '2024-01-02'": [
        "orders (customer_id)",
        "orders (placed)",
    ],
    "SELECT total, count(*) FROM orders GROUP BY total": [],
    "SELECT * FROM tiny WHERE id = 7": [],
    "SELECT city, region, count(*) FROM place WHERE id > 0 GROUP BY 1, 2": [],
    "SELECT * FROM place WHERE city = 7 AND region = 3": [],
    "SELECT * FROM orders WHERE customer_id + 0 = 7": [],
    "SELECT * FROM orders WHERE total = 3 AND id = 10": [],
    "SELECT 1 FROM customer c JOIN orders ON customer_id = c.id WHERE email = 'user7@x.org'": [
        "customer (email)",
        "orders (customer_id)",
    ],
    "DELETE FROM customer WHERE id = 7": ["invoice (customer_id)"],
    "SELECT relname FROM pg_class WHERE relpages = 7": [],
}

UNUSED = {
    "SELECT * FROM orders WHERE data = '{}'": (
        "ix_orders_weight",
        "data is its column 2, and nothing fixes weight, which comes first",
    ),
    "SELECT * FROM orders WHERE weight::text = '7'": (
        "ix_orders_weight",
        "weight is compared as text, its keys are of another type",
    ),
    "SELECT * FROM orders WHERE abs(weight) = 7": (
        "ix_orders_weight",
        "the statement compares abs(weight), and it holds weight as it is",
    ),
    "SELECT * FROM orders WHERE placed < '2024-01-03'": (
        "ix_orders_placed_new",
        "it holds only rows with status = 'new', which the statement does not ask",
    ),
    "SELECT * FROM orders WHERE total < 6": (
        "ix_orders_total_id",
        "the planner expects about 33 % of the table, scattered over it (correlation 0.14)",
    ),
}


@pytest.fixture(scope="module")
def bench(advised: Target) -> Iterator[Bench]:
    """The planner for all cases."""
    opened = Bench(advised, (*CASES, *UNUSED))
    yield opened
    opened.close()


@pytest.mark.parametrize(("statement", "indexes"), CASES.items())
def test_choices(bench: Bench, statement: str, indexes: list[str]) -> None:
    """Equality before order or range, a part of the table, an expression, another method, none."""
    choice = bench.choose(statement)
    assert sorted(each.shown for each in choice.chosen) == indexes


def test_an_index_is_named_as_if_it_were_alone(bench: Bench) -> None:
    """Those that were only tried took names for a moment."""
    choice = bench.choose("SELECT * FROM orders WHERE customer_id = 7")
    adviser = bench.look(Asked("SELECT customer_id, total FROM orders WHERE customer_id = 7"))
    adviser.names = dict.fromkeys(adviser.names, "taken") | {choice.chosen[0]: "ix_x_2"}
    (proposal,) = adviser.advice(choice, "").proposals
    assert proposal.name == "ix_orders_customer_id"


def test_a_parameter_makes_no_partial_index(bench: Bench) -> None:
    """The next value is another; a condition that the statement itself has stays."""
    asked = Asked("SELECT * FROM orders WHERE status = 'failed' AND shipped IS NULL", bound=True)
    found = [each.shown for option in bench.look(asked).options for each in option]
    assert not any("status = 'failed'" in each for each in found)
    assert "orders (status) WHERE shipped IS NULL" in found


def test_one_index_serves_several_statements(bench: Bench) -> None:
    """What many statements need is proposed once."""
    choice = bench.choose(
        "SELECT * FROM orders WHERE customer_id = 7",
        "SELECT id FROM orders WHERE customer_id = 8 ORDER BY placed LIMIT 3",
        "SELECT count(*) FROM orders WHERE customer_id = 9 AND status = 'new'",
    )
    assert [each.shown for each in choice.chosen] == ["orders (customer_id)"]


@pytest.mark.parametrize(("statement", "told"), UNUSED.items())
def test_why_an_index_is_not_used(bench: Bench, statement: str, told: tuple[str, str]) -> None:
    """The reason is one that its keys, its condition or the statistics show."""
    found = bench.look(Asked(statement)).advice(None, "").unused
    assert told in [(each.index, each.reason) for each in found]


@pytest.mark.parametrize(
    ("ddl", "covered", "replaces"),
    [
        ("CREATE INDEX ON orders (total)", True, ()),
        ("CREATE INDEX ON orders (total, id)", True, ("ix_orders_total_id",)),
        ("CREATE INDEX ON orders (total, id, placed)", False, ("ix_orders_total_id",)),
        ("CREATE INDEX ON orders (id, total)", False, ()),
        ("CREATE INDEX ON orders (total DESC)", True, ()),
        ("CREATE INDEX ON orders (total) WHERE id > 3", True, ()),
        ("CREATE INDEX ON orders (placed)", False, ()),
        ("CREATE INDEX ON orders (placed) WHERE status = 'new'", True, ("ix_orders_placed_new",)),
        ("CREATE INDEX ON orders USING hash (total)", False, ()),
    ],
)
def test_beside_what_exists(
    bench: Bench, ddl: str, covered: bool, replaces: tuple[str, ...]
) -> None:
    """An index that others serve is not proposed, and one that serves what others do replaces."""
    candidate, _ = parse(ddl)
    table = bench.known.table("public", "orders")
    assert table is not None
    assert any(covers(each, candidate) for each in table.indexes) is covered
    assert outgrown(table, candidate) == replaces


@pytest.mark.parametrize("statement", [each for each in CASES if "place WHERE" in each])
def test_statistics_of_several_columns_are_carried(bench: Bench, statement: str) -> None:
    """The planner expects the rows that the server expects, as for one column."""
    (here,) = bench.look(Asked(statement)).plans
    (there,) = bench.choose(statement).before
    expected = [node.plan_rows for node in here.nodes]
    assert [node.plan_rows for node in there.plan.nodes] == expected
    assert expected[0] in (40, 100)


def test_the_planner_decides_as_the_server_would(bench: Bench, advised: Target) -> None:
    """Costs with an index that is really built, and those told without it, hardly differ."""
    for statement in list(CASES)[:10]:
        choice = bench.choose(statement)
        with SyncConnection(advised) as connection:
            connection.execute("BEGIN")
            for number, each in enumerate(choice.chosen):
                connection.execute(each.sql(f"real_{number}", concurrently=False))
            (line,) = connection.fetchrow(f"EXPLAIN {statement}") or ("",)
            connection.execute("ROLLBACK")
        real = float(line.partition("..")[2].partition(" ")[0])
        (planned,) = choice.now
        assert planned.plan.root.total_cost == pytest.approx(real, rel=0.15, abs=5), statement


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE INDEX ON orders (id)",
        "CREATE INDEX ON orders (customer_id)",
        "CREATE INDEX ON orders (status)",
        "CREATE INDEX ON orders (placed, id)",
        "CREATE INDEX ON orders (id) INCLUDE (placed)",
        "CREATE INDEX ON customer (email)",
        "CREATE INDEX ON orders (id) WHERE status = 'failed'",
    ],
)
def test_sizes(bench: Bench, advised: Target, ddl: str) -> None:
    """An estimate is within two fifths of the index that is built."""
    candidate, _ = parse(ddl)
    table = next(each for each in bench.known.tables if each.name == candidate.table)
    estimated = size(parse(ddl.replace("ON ", f"ON {table.schema}."))[0], bench.known)
    with SyncConnection(advised) as connection:
        connection.execute("BEGIN")
        connection.execute(candidate.sql("sized", concurrently=False))
        real = connection.fetchval("SELECT pg_relation_size('sized')")
        connection.execute("ROLLBACK")
    assert estimated.bytes == pytest.approx(real, rel=0.4, abs=16384)
