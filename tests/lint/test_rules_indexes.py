"""Rules about indexes beside the one about building them."""

from dataclasses import replace

import pytest

from dbtool.statement import Migration
from tests.lint.judging import findings, judge, script, unknowns


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("index-dropped-under-lock", "CREATE TABLE n (id int); CREATE INDEX i ON n (id);"
         " DROP INDEX i"),
        ("index-dropped-under-lock", "DROP INDEX IF EXISTS nowhere"),
        ("reindex-not-concurrent", "CREATE TABLE n (id int PRIMARY KEY); REINDEX TABLE n"),
        ("concurrently-in-transaction", "CREATE INDEX CONCURRENTLY i ON orders (note)"),
        ("invalid-index-hidden", "CREATE INDEX IF NOT EXISTS i ON orders (note)"),
        ("invalid-index-hidden",
         "CREATE TABLE n (id int); CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON n (id)"),
        ("foreign-key-without-index", "ALTER TABLE orders ADD CONSTRAINT k"
         " FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID"),
        ("foreign-key-without-index", "CREATE TABLE n (a bigint PRIMARY KEY REFERENCES users)"),
        ("foreign-key-without-index", "ALTER TABLE tags ADD u bigint REFERENCES users (id);"
         " CREATE INDEX ON tags (u) WHERE u IS NOT NULL"),
        ("foreign-key-without-index", "CREATE TABLE n (u bigint REFERENCES users); DROP TABLE n"),
        ("redundant-index", "CREATE INDEX i ON orders (user_id DESC, note)"),
        ("redundant-index", "CREATE INDEX i ON orders (user_id) WHERE note IS NULL"),
        ("redundant-index", "CREATE INDEX i ON orders USING hash (user_id)"),
        ("redundant-index", "CREATE INDEX i ON orders (user_id int8_ops)"),
        ("redundant-index",
         "CREATE INDEX i ON orders (user_id, note); DROP INDEX orders_user_id_idx"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """What holds nobody up, or has its reason, is not reported."""
    assert findings(rule, sql) == []


def test_a_unique_index_serves_as_a_plain_one() -> None:
    """The plain index on the same column can go; the unique one is there for another reason."""
    assert findings("redundant-index", "CREATE UNIQUE INDEX i ON orders (user_id)") == [
        "note: orders: index orders_user_id_idx is not needed beside i"
    ]


def test_an_index_of_an_unknown_table() -> None:
    """The lock is certain wherever the index is; that it is there is not."""
    [found] = judge("index-dropped-under-lock", script("DROP INDEX i"), known=False).findings
    assert (found.title, found.certainty.value) == (
        "its table: reads and writes wait while index i is dropped",
        "heuristic",
    )
    assert found.fix is not None
    assert found.fix.code == (
        'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY i")'
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON orders (note)",
        "DROP INDEX CONCURRENTLY orders_user_id_idx",
        "REINDEX TABLE CONCURRENTLY orders",
        "ALTER TABLE visits DETACH PARTITION visits_2026 CONCURRENTLY",
        "VACUUM orders",
    ],
)
def test_commands_that_need_to_be_alone(sql: str) -> None:
    """Each of them fails in a transaction, and only there."""
    assert len(findings("concurrently-in-transaction", sql, transaction=True)) == 1
    assert findings("concurrently-in-transaction", sql) == []


def test_the_new_index_makes_an_old_one_redundant() -> None:
    """The shorter one is dropped while the table is used."""
    [found] = judge("redundant-index", script("CREATE INDEX i ON orders (user_id, note)")).findings
    assert found.title == "orders: index orders_user_id_idx is not needed beside i"
    assert found.fix is not None
    assert 'op.drop_index(\n        "orders_user_id_idx"' in found.fix.code


def test_of_equal_indexes_one_is_kept() -> None:
    """Not each of them is called needless beside the other."""
    names = ("i", "j", "k")
    sql = "; ".join(f"CREATE INDEX {name} ON orders (note)" for name in names)
    assert findings("redundant-index", sql) == [
        "note: orders: index i is not needed beside j",
        "note: orders: index j is not needed beside k",
    ]


def test_foreign_keys_of_one_table() -> None:
    """Several keys of one statement are one finding."""
    sql = "CREATE TABLE n (a bigint REFERENCES users, b integer REFERENCES orders)"
    assert findings("foreign-key-without-index", sql) == [
        "note: n: no index on foreign key (a), (b)"
    ]


def test_a_foreign_key_to_a_list_of_kinds() -> None:
    """What is known by its name is hardly ever deleted."""
    sql = "CREATE TABLE k (name text PRIMARY KEY); CREATE TABLE n (kind text REFERENCES k)"
    assert findings("foreign-key-without-index", sql) == []


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("SELECT 1", "SELECT 1", 1),
        ("ALTER TABLE orders ADD COLUMN a integer", "SELECT 1", 0),
        ("SELECT 1", "DROP TABLE orders", 0),
        ("SELECT 1", "DROP TABLE bookings", 1),
    ],
)
def test_an_index_dropped_beside_more(before: str, after: str, count: int) -> None:
    """Its lock is nothing new on a table that the transaction has locked, or drops as well."""
    sql = f"{before}; DROP INDEX orders_user_id_idx; {after}"
    assert len(findings("index-dropped-under-lock", sql, transaction=True)) == count


def test_a_foreign_key_of_a_table_nobody_knows() -> None:
    """Whether it has an index is for the history to say."""
    [said] = unknowns("foreign-key-without-index", "ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES y")
    assert said.reason == "x: whether an index begins with a"


@pytest.mark.parametrize(
    ("rule", "sql", "what"),
    [
        ("index-not-concurrent", "CREATE INDEX i ON orders (code)", "index"),
        ("unique-built-under-lock", "ALTER TABLE orders ADD UNIQUE (code)", "unique"),
        (
            "foreign-key-validated-at-once",
            "ALTER TABLE items ADD FOREIGN KEY (quantity) REFERENCES orders",
            "foreign key",
        ),
    ],
)
def test_a_call_that_also_adds_the_column(rule: str, sql: str, what: str) -> None:
    """The proposal says that the column is added as before."""
    statement = replace(script(sql).up[0], operation="op.add_column", source="op.add_column(...)")
    [found] = judge(rule, Migration(name="1", up=(statement,))).findings
    assert found.fix is not None
    assert found.fix.code.startswith(f"# op.add_column stays, without its {what}\n")
