"""Changes of rows in the WITH of a statement, beside the locks a server takes for them."""

import postgast
import pytest

from dbtool.database.sync import SyncConnection
from dbtool.lint.actions import Select, Write
from dbtool.lint.effect import Cause
from dbtool.lint.read import read
from dbtool.lint.read.rows import beside
from dbtool.lint.run import lint
from dbtool.lint.schema import Schema
from dbtool.lint.subject import Step
from dbtool.statement import Migration, Statement
from tests.conftest import MAJOR
from tests.lint.judging import findings
from tests.lint.oracle import measure

_ROW_EXCLUSIVE = 3
_HISTORY = (
    "CREATE TABLE t (id integer PRIMARY KEY, n integer)",
    "CREATE TABLE u (id integer, n integer)",
)
_MERGE = "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE RETURNING 1"


def steps(sql: str) -> tuple[Step, ...]:
    """What is said that a statement does on two known tables."""
    before = Migration(name="1", up=tuple(map(Statement, _HISTORY)), judged=False)
    linted = lint([before, Migration(name="2", up=(Statement(sql),))], schema=Schema(complete=True))
    return linted.outcomes[0].verdicts[0].steps


@pytest.mark.parametrize(
    "sql",
    [
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "WITH x AS (UPDATE t SET n = 1 RETURNING *) SELECT * FROM x UNION SELECT 1, 2",
        "WITH x AS (INSERT INTO t SELECT * FROM u RETURNING *) SELECT 'DELETE FROM u' FROM x",
        "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x",
        "WITH x AS (DELETE FROM t RETURNING *) UPDATE u SET n = 1 FROM x WHERE u.id = x.id",
        "WITH x AS (DELETE FROM t RETURNING *), y AS (DELETE FROM u) SELECT 1",
        "WITH x AS (DELETE FROM t RETURNING *) DELETE FROM u USING x WHERE u.id = x.id",
        "WITH x AS (DELETE FROM t) MERGE INTO u USING t ON false WHEN MATCHED THEN DELETE",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * INTO v FROM x",
        "CREATE TABLE v AS WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "COPY (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x) TO '/dev/null'",
        pytest.param(
            f"WITH x AS ({_MERGE}) SELECT 1", marks=pytest.mark.skipif(MAJOR < 17, reason="17")
        ),
    ],
)
def test_what_is_locked(connection: SyncConnection, sql: str) -> None:
    """The tables changed anywhere in a statement are those a server locks, and rows are changed."""
    for each in _HISTORY:
        connection.execute(each)
    taken = measure(connection, sql)
    said = {held.relation.name for step in steps(sql) for held in step.effect.locks if held.lock}
    assert taken.error == ""
    assert said - {"v"} == {
        name for name, lock in taken.locks.items() if lock >= _ROW_EXCLUSIVE and name in ("t", "u")
    }
    assert any(any(step.effect.of(Cause.ROWS_CHANGED)) for step in steps(sql))


def test_a_limit_beside_a_change() -> None:
    """Rows that another query of the WITH picks with a LIMIT are a few; without it they are not."""
    change = "DELETE FROM t WHERE id IN (SELECT id FROM few)"
    limited = f"WITH few AS (SELECT id FROM t LIMIT 9), x AS ({change}) SELECT 1"
    deleted, query = read(limited)
    assert isinstance(deleted, Write)
    assert isinstance(query, Select)
    assert deleted.batch
    [every, _] = read(limited.replace(" LIMIT 9", ""))
    assert isinstance(every, Write)
    assert not every.batch


def test_no_change_is_none() -> None:
    """Words in texts and queries that only read are no changes."""
    [found] = read("WITH x AS (SELECT 'DELETE FROM t') SELECT * FROM x, \"INSERT INTO u\"")
    assert isinstance(found, Select)


def test_it_is_reported() -> None:
    """As is the same change by itself."""
    sql = "WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone"
    assert findings("rows-changed-unbatched", sql) == findings(
        "rows-changed-unbatched", "DELETE FROM orders"
    )


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("CREATE TABLE v AS {} WITH NO DATA", False),
        ("CREATE TABLE IF NOT EXISTS u AS {}", False),
        ("CREATE TEMP TABLE IF NOT EXISTS v AS {} WITH NO DATA", False),
        ("CREATE MATERIALIZED VIEW v AS {}", True),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS v AS {} WITH NO DATA", True),
    ],
)
def test_a_change_that_never_runs(connection: SyncConnection, sql: str, refused: bool) -> None:
    """The rows stay as they are, and so nothing is said of them."""
    for each in (*_HISTORY, "INSERT INTO t VALUES (1)"):
        connection.execute(each)
    sql = sql.format("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x")
    assert bool(measure(connection, sql).error) is refused
    said = steps(sql)
    assert not any(any(step.effect.of(Cause.ROWS_CHANGED)) for step in said)
    assert not any(held.relation.name == "t" for step in said for held in step.effect.locks)


def test_a_table_that_is_not_there_yet() -> None:
    """IF NOT EXISTS creates it, with the change."""
    query = "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"
    said = steps(f"CREATE TABLE IF NOT EXISTS v AS {query}")
    assert any(any(step.effect.of(Cause.ROWS_CHANGED)) for step in said)


def test_the_tree_is_left_as_it_is() -> None:
    """Reading adds nothing to it: with many queries in a WITH that would be many times as much."""
    sql = "WITH few AS (SELECT 1), x AS (DELETE FROM t), y AS (DELETE FROM u) SELECT 1"
    [raw] = postgast.parse(sql).stmts
    before = raw.SerializeToString()
    assert len([*beside(raw.stmt.select_stmt)]) == 2
    assert raw.SerializeToString() == before


def test_it_is_reported_once() -> None:
    """Changes of one table that nobody could tell apart are one finding."""
    change = "UPDATE orders SET note = '' RETURNING 1"
    sql = f"WITH x AS ({change}), y AS ({change}), z AS ({change}) SELECT 1"
    alone = findings("rows-changed-unbatched", "UPDATE orders SET note = ''")
    assert len(alone) == 1
    assert findings("rows-changed-unbatched", sql) == alone
