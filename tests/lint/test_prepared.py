"""Changes of rows that another statement runs: EXPLAIN ANALYZE, and EXECUTE."""

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.lint.code.statements import single
from dbtool.lint.run import lint
from dbtool.scratch.server import Server
from dbtool.statement import Migration, Statement
from tests.lint.judging import findings, judge, script

_RULE = "rows-changed-unbatched"
_ALL = "warning: items: rows are changed in one transaction, all of them"
_SOME = "warning: items: rows are changed in one transaction, those that meet the condition"
_PREPARED = "PREPARE gone AS DELETE FROM items"
_WITH = "WITH gone AS (DELETE FROM items RETURNING *)"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("EXPLAIN ANALYZE DELETE FROM items", _ALL),
        ("EXPLAIN (ANALYZE off, ANALYZE) DELETE FROM items", _ALL),
        ("EXPLAIN (VERBOSE, ANALYZE on) UPDATE items SET quantity = 1", _ALL),
        (f"EXPLAIN (ANALYZE, BUFFERS off) {_WITH} SELECT * FROM gone", _ALL),
        (f"EXPLAIN ANALYZE CREATE TABLE kept AS {_WITH} SELECT * FROM gone", _ALL),
        (f"{_PREPARED}; EXECUTE gone", _ALL),
        (f"{_PREPARED}; EXPLAIN ANALYZE EXECUTE gone", _ALL),
        (f"{_PREPARED}; DEALLOCATE other; EXECUTE gone", _ALL),
        ("PREPARE less(int) AS DELETE FROM items WHERE quantity < $1; EXECUTE less(3)", _SOME),
    ],
)
def test_what_runs_is_judged(sql: str, expected: str) -> None:
    """Rows are changed all the same."""
    assert findings(_RULE, sql, transaction=True) == [expected]
    assert findings(_RULE, sql, transaction=False) == [expected]


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN DELETE FROM items",
        "EXPLAIN (ANALYZE false) DELETE FROM items",
        "EXPLAIN (ANALYZE 0, VERBOSE) DELETE FROM items",
        "EXPLAIN (ANALYZE, ANALYZE off) DELETE FROM items",
        "EXPLAIN ANALYZE DELETE FROM items WHERE id = 1",
        "EXPLAIN ANALYZE DELETE FROM items WHERE sku IN (SELECT sku FROM items LIMIT 9)",
        "EXPLAIN ANALYZE SELECT * FROM items",
        _PREPARED,
        f"{_PREPARED}; EXPLAIN EXECUTE gone",
        f"{_PREPARED}; DEALLOCATE gone; EXECUTE gone",
        f"{_PREPARED}; DEALLOCATE ALL; EXECUTE gone",
        f"{_PREPARED}; DISCARD ALL; EXECUTE gone",
        "EXECUTE gone",
        "PREPARE one(int) AS DELETE FROM items WHERE id = $1; EXECUTE one(3)",
        "PREPARE few(int) AS DELETE FROM items WHERE sku IN (SELECT sku FROM items LIMIT $1);"
        " EXECUTE few(9)",
    ],
)
def test_what_does_not_run_is_not(sql: str) -> None:
    """Nor is a change of a few rows."""
    assert findings(_RULE, sql) == []


def test_prepared_beside_text_that_is_no_sql() -> None:
    """What is read one by one knows what is prepared before it, and another revision does not."""
    sql = (_PREPARED, "SELEC 1", "EXECUTE gone")
    first = Migration(name="1", up=tuple(map(Statement, sql)))
    second = Migration(name="2", up=(Statement("EXECUTE gone"),))
    linted = [each.rule for each in lint([first, second]).findings]
    assert linted.count(_RULE) == 1


def test_a_table_that_explain_creates_is_known() -> None:
    """EXPLAIN ANALYZE CREATE TABLE AS leaves the table: its rows are nobody's yet."""
    sql = "EXPLAIN ANALYZE CREATE TABLE kept AS SELECT * FROM items; DELETE FROM kept"
    assert judge(_RULE, script(sql)).findings == ()


def test_the_statement_behind_one_that_runs_two() -> None:
    """What is found by its place in a text of several is the right one."""
    many = f"PREPARE p AS {_WITH} DELETE FROM orders; EXECUTE p"
    changed = "ALTER TABLE users ALTER nickname SET NOT NULL"
    assert single(f"{many}; {changed}; SELECT 1", 3) == changed


def test_what_the_server_runs(server: Server) -> None:
    """The server itself changes rows and makes the table by EXPLAIN ANALYZE, and by EXECUTE."""
    with SyncConnection(server.create_database("lint_prepared")) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE MATERIALIZED VIEW v AS SELECT a FROM t")
        connection.execute("INSERT INTO t VALUES (1), (2), (3)")
        connection.execute("EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW v")
        connection.execute("PREPARE p AS DELETE FROM t WHERE a = 1")
        connection.execute("EXPLAIN EXECUTE p")
        connection.execute("EXPLAIN ANALYZE CREATE TABLE kept AS SELECT a FROM t")
        connection.execute("EXPLAIN ANALYZE EXECUTE p")
        connection.execute("EXPLAIN ANALYZE DELETE FROM t WHERE a = 2")
        for relation, count in (("t", 1), ("kept", 3), ("v", 0)):
            assert connection.fetchval(f"SELECT count(*) FROM {relation}") == count, relation
