"""Whose LIMIT counts: the one that says how many rows are changed, and no other."""

import sys
from types import FrameType

import pytest

from dbtool.lint.read import read
from tests.lint.judging import findings

_RULE = "rows-changed-unbatched"


@pytest.mark.parametrize(
    "sql",
    [
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) DELETE FROM items",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) DELETE FROM items USING orders "
        "WHERE items.sku = orders.code",
        "WITH probe AS (SELECT id FROM users LIMIT 1) DELETE FROM items WHERE sku IN "
        "(SELECT code FROM orders)",
        "WITH probe AS (SELECT id FROM users LIMIT 1) DELETE FROM items WHERE sku NOT "
        "IN (SELECT name FROM probe)",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) DELETE FROM items WHERE EXISTS "
        "(SELECT 1 FROM probe)",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) DELETE FROM items WHERE EXISTS "
        "(SELECT FROM orders WHERE orders.code = items.sku)",
        "WITH newest AS (SELECT id, code FROM orders ORDER BY id DESC LIMIT 1) DELETE "
        "FROM items WHERE sku < (SELECT code FROM newest)",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) UPDATE orders SET note = code FROM "
        "items WHERE items.sku = orders.code",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) UPDATE orders SET note = 'x' FROM "
        "probe, items WHERE items.sku = orders.code",
        "WITH probe AS (SELECT 1 FROM users LIMIT 1) UPDATE orders SET note = items.sku "
        "FROM items LEFT JOIN probe ON true WHERE items.sku = orders.code",
        "WITH probe AS (SELECT name FROM users LIMIT ALL) DELETE FROM items WHERE sku "
        "IN (SELECT name FROM probe)",
        "WITH few AS (SELECT name FROM users LIMIT 9) DELETE FROM items WHERE sku IN "
        "(SELECT name FROM few) OR quantity > 3",
        "DELETE FROM items WHERE sku IN (SELECT i.sku FROM items i JOIN LATERAL (SELECT "
        "code FROM orders WHERE code = i.sku LIMIT 1) l ON true)",
        "DELETE FROM items WHERE sku IN (SELECT i.sku FROM items i, LATERAL (SELECT code "
        "FROM orders WHERE code = i.sku LIMIT 1) l WHERE l.code = i.sku)",
        *(
            f"WITH few AS (SELECT 1 FROM users LIMIT 1) DELETE FROM items WHERE {which}"
            for which in (
                "EXISTS (SELECT 1 FROM orders JOIN few ON true WHERE orders.code = items.sku)",
                "sku IN (SELECT sku FROM items CROSS JOIN few)",
                "sku IN (SELECT sku FROM few JOIN items ON true)",
            )
        ),
        *(
            f"WITH {first} DELETE FROM items WHERE sku {end}"
            for first, end in (
                (
                    "keep AS (SELECT sku FROM items ORDER BY sku DESC LIMIT 9)",
                    "< (SELECT min(sku) FROM keep)",
                ),
                (
                    "keep AS (SELECT sku FROM items ORDER BY sku LIMIT 9), m AS (SELECT "
                    "max(sku) hi FROM keep)",
                    "> (SELECT hi FROM m)",
                ),
                ("m AS (SELECT max(sku) hi FROM items LIMIT 1)", "<= (SELECT hi FROM m)"),
                *(
                    ("few AS (SELECT sku FROM items ORDER BY sku LIMIT 9)", end)
                    for end in (
                        "<> (SELECT max(sku) FROM few)",
                        "IS DISTINCT FROM (SELECT max(sku) FROM few)",
                        "> (SELECT sku FROM few ORDER BY sku DESC LIMIT 1)",
                        "<= (SELECT max(i.sku) FROM few CROSS JOIN items i)",
                    )
                ),
                ("m AS (SELECT max(code) hi FROM orders LIMIT 1)", "<= (TABLE m)"),
                (
                    "m AS (SELECT code, max(note) hi FROM orders GROUP BY 1 LIMIT 1)",
                    "<= (SELECT hi FROM m)",
                ),
            )
        ),
        "DELETE FROM items WHERE sku <= (SELECT hi FROM (SELECT max(sku) hi FROM items LIMIT 1) m)",
        "WITH few AS (SELECT name FROM users LIMIT 9), m AS (SELECT name FROM users "
        "UNION ALL SELECT name FROM few) DELETE FROM items WHERE sku IN (SELECT name "
        "FROM m)",
    ],
)
def test_a_limit_that_bounds_nothing(sql: str) -> None:
    """A WITH that only looks at a few rows leaves the change of a whole table what it is."""
    [found] = findings(_RULE, sql, transaction=True)
    assert found.startswith("warning: ")


@pytest.mark.parametrize(
    "sql",
    [
        "WITH few AS (SELECT id FROM items WHERE quantity = 0 LIMIT 1000) DELETE FROM "
        "items WHERE id IN (SELECT id FROM few)",
        "WITH few AS (SELECT ctid FROM items LIMIT 1000) DELETE FROM items WHERE ctid = "
        "ANY(ARRAY(SELECT ctid FROM few))",
        "WITH few AS (SELECT ctid c FROM items LIMIT 1000) DELETE FROM items USING few "
        "WHERE ctid = c",
        "WITH few AS (SELECT sku FROM items LIMIT 1000) UPDATE items i SET quantity = 1 "
        "FROM few f WHERE f.sku = i.sku",
        "WITH few AS (SELECT sku FROM items LIMIT 1000) UPDATE items i SET quantity = 1 "
        "WHERE EXISTS (SELECT 1 FROM few WHERE few.sku = i.sku)",
        "WITH few AS (SELECT sku FROM items ORDER BY sku LIMIT 1000) UPDATE items i SET "
        "quantity = 1 WHERE sku <= (SELECT max(sku) FROM few)",
        "WITH few AS (SELECT sku FROM items ORDER BY sku LIMIT 1000) UPDATE items i SET "
        "quantity = 1 WHERE sku BETWEEN (SELECT min(sku) FROM few) AND (SELECT max(sku) "
        "FROM few)",
        "WITH few AS (SELECT sku FROM items ORDER BY sku LIMIT 1000), l AS (SELECT "
        "array_agg(sku) AS s FROM few) UPDATE items i SET quantity = 1 FROM l WHERE sku "
        "= ANY(l.s)",
        "WITH few AS (SELECT sku FROM items ORDER BY sku LIMIT 1000), l AS (SELECT "
        "array_agg(sku) AS s FROM few) UPDATE items i SET quantity = 1 WHERE sku = "
        "ANY((SELECT s FROM l)::text[])",
        "WITH few AS (SELECT sku FROM items LIMIT 1000), gone AS (DELETE FROM items "
        "USING few WHERE few.sku = items.sku RETURNING items.sku) UPDATE orders SET "
        "note = '' WHERE code IN (SELECT sku FROM gone)",
        "WITH few AS (SELECT sku FROM items LIMIT 9), more AS (SELECT o.code FROM "
        "orders o JOIN few ON few.sku = o.code WHERE o.note = '') UPDATE orders SET "
        "note = '' FROM more WHERE more.code = orders.code",
        "WITH few AS (SELECT sku FROM items LIMIT 9), more AS (SELECT o.code FROM "
        "orders o WHERE o.code IN (SELECT sku FROM few)) UPDATE orders SET note = '' "
        "FROM more WHERE more.code = orders.code",
        "UPDATE orders SET note = '' FROM (SELECT sku FROM items LIMIT 9) few WHERE "
        "few.sku = orders.code",
        *(
            f"WITH few AS (SELECT sku FROM items ORDER BY sku LIMIT 9), {more} DELETE FROM "
            f"items WHERE sku <= ({end})"
            for more, end in (
                ("m AS (SELECT 1)", "SELECT coalesce(max(sku), '') FROM few"),
                ("m AS (SELECT 1)", "SELECT max(sku)::text FROM few"),
                ("m AS (SELECT max(sku) hi FROM few)", "SELECT hi FROM m"),
                ("m AS (SELECT max(sku) hi FROM few)", "TABLE m"),
                ("m AS (SELECT 1)", "SELECT hi FROM (SELECT max(sku) hi FROM few) m"),
                ("m AS (SELECT 1)", "SELECT sku FROM few ORDER BY sku DESC LIMIT 1"),
                ("m AS (SELECT 1)", "SELECT sku FROM few ORDER BY sku OFFSET 8 LIMIT 1"),
                ("m AS (SELECT 1)", "SELECT max(i.sku) FROM few, items i WHERE i.sku = few.sku"),
                ("m AS (SELECT max(sku) hi FROM few)", "SELECT hi FROM (SELECT hi FROM m) n"),
            )
        ),
        *(
            f"WITH few AS (SELECT sku FROM items LIMIT 9) DELETE FROM items WHERE sku IN (SELECT "
            f"l.code FROM few{between} LATERAL (SELECT code FROM orders WHERE code = few.sku LIMIT "
            f"1) l{on})"
            for between, on in ((",", ""), (" CROSS JOIN", ""), (" LEFT JOIN", " ON true"))
        ),
        "UPDATE orders SET note = '' FROM (SELECT sku FROM items LIMIT 9) few, LATERAL (SELECT "
        "code FROM orders o WHERE o.code = few.sku LIMIT 1) l WHERE l.code = orders.code",
        "WITH few AS (SELECT sku FROM items ORDER BY sku DESC LIMIT 9) DELETE FROM items WHERE "
        "(SELECT min(sku) FROM few) <= sku",
        "DELETE FROM items WHERE sku <= (SELECT max(sku) FROM (SELECT sku FROM items ORDER "
        "BY sku LIMIT 9) few)",
        "WITH few AS (SELECT sku, code FROM items, orders LIMIT 9) UPDATE orders SET "
        "note = '' FROM few WHERE (few.sku, few.code) = (orders.note, orders.code)",
        "WITH few AS ((SELECT sku FROM items LIMIT 9) UNION ALL (SELECT code FROM "
        "orders LIMIT 9)) DELETE FROM items WHERE sku IN (TABLE few)",
        "WITH job AS (SELECT sku FROM items LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE "
        "items SET quantity = 1 WHERE sku = (SELECT sku FROM job) RETURNING *",
        "UPDATE orders SET note = '' WHERE code IN (WITH few AS (SELECT sku FROM items "
        "LIMIT 9) SELECT sku FROM few)",
    ],
)
def test_a_limit_on_what_is_changed(sql: str) -> None:
    """Rows that go with a few others are a few at a time, by whatever way they are tied."""
    assert findings(_RULE, sql, transaction=True) == []


@pytest.mark.parametrize(
    "within",
    [
        "SELECT sku FROM ({}) a WHERE sku <> ''",
        "SELECT max(sku) sku FROM ({}) a WHERE sku <= (SELECT min(sku) FROM users)",
        "SELECT sku FROM items WHERE sku = ANY(ARRAY({}))",
        "WITH few AS ({}) SELECT items.sku FROM items JOIN few ON true",
        "WITH few AS (SELECT max(sku) sku FROM ({}) a) SELECT sku FROM few",
    ],
)
def test_what_stands_in_another_is_looked_at_once(within: str) -> None:
    """Twice as deep takes about twice the calls, not their square or worse."""
    assert _calls(within, 10) < 2.5 * _calls(within, 5)


def _calls(within: str, depth: int) -> int:
    """How many functions are called for a DELETE by a query so deep, which has no LIMIT."""
    query, count = "SELECT sku FROM items", 0
    for _ in range(depth):
        query = within.format(query)

    def note(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        read(f"DELETE FROM items WHERE sku IN ({query}) OR sku <= ({query})")
    finally:
        sys.setprofile(before)
    return count
