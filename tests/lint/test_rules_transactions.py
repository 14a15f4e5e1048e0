"""Rules about what a transaction goes on to do, and about rows changed all at once."""

import ast

import pytest

from dbtool.lint.code.types import backfill
from dbtool.lint.run import lint
from dbtool.lint.schema import Name
from dbtool.statement import Migration, Statement
from tests.lint.judging import findings, judge, script, titles

_ADD = "ALTER TABLE orders ADD COLUMN a integer"


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("several-tables-locked", f"{_ADD}; ALTER TABLE orders ADD COLUMN b integer"),
        ("several-tables-locked", f"{_ADD}; CREATE TABLE n (id int); ALTER TABLE n ADD a int"),
        ("several-tables-locked", f"{_ADD}; DROP TABLE bookings"),
        ("several-tables-locked", "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey"),
        ("several-tables-locked", f"{_ADD}; CREATE INDEX i ON users (email)"),
        ("lock-held-during-work", f"CREATE INDEX i ON users (email); {_ADD}"),
        ("lock-held-during-work", f"{_ADD}; ALTER TABLE orders ALTER note SET NOT NULL"),
        ("lock-held-during-work", f"{_ADD}; UPDATE orders SET a = 1"),
        ("backfill-in-ddl-transaction", f"UPDATE orders SET note = ''; {_ADD}"),
        ("backfill-in-ddl-transaction", f"{_ADD}; UPDATE orders SET a = 1 WHERE id = 7"),
        ("backfill-in-ddl-transaction", f"{_ADD}; INSERT INTO tags VALUES (1, 'a')"),
        ("backfill-in-ddl-transaction",
         "CREATE TABLE n (id int); ALTER TABLE n ADD a int; UPDATE n SET a = 1"),
        ("rows-changed-unbatched", f"{_ADD}; UPDATE orders SET a = 1"),
        ("rows-changed-unbatched", "UPDATE orders SET note = '' WHERE id IN (1, 2)"),
        ("rows-changed-unbatched", "UPDATE tag_uses SET uses = 1 WHERE name = 'new'"),
        ("rows-changed-unbatched", "CREATE TABLE n (id int); DELETE FROM n"),
        ("rows-changed-unbatched", "INSERT INTO tags SELECT id, note FROM orders"),
        ("rows-changed-unbatched",
         "UPDATE orders SET code = 'b' WHERE note <> '' AND id IN (SELECT id FROM users LIMIT 9)"),
        ("rows-changed-unbatched",
         "DELETE FROM orders WHERE ctid = ANY(ARRAY(SELECT ctid FROM orders LIMIT 9))"),
        ("rows-changed-unbatched",
         "WITH few AS (SELECT id FROM orders LIMIT 9) "
         "UPDATE orders SET code = 'b' FROM few WHERE few.id = orders.total"),
        ("rows-changed-unbatched",
         "WITH few AS (SELECT id FROM orders LIMIT 9) "
         "DELETE FROM orders WHERE id IN (SELECT id FROM few)"),
        ("rows-changed-unbatched",
         "DELETE FROM orders USING (SELECT total FROM orders LIMIT 9) few WHERE few.total = code"),
        ("rows-changed-unbatched",
         "WITH few AS (SELECT sku FROM items LIMIT 9), gone AS"
         " (DELETE FROM items WHERE sku IN (SELECT sku FROM few)) SELECT count(*) FROM few"),
        ("rows-changed-unbatched",
         "WITH gone AS (DELETE FROM orders WHERE ctid = ANY(ARRAY(SELECT ctid FROM orders LIMIT 9))"
         " RETURNING total), lines AS (DELETE FROM items USING gone WHERE sku = gone.total)"
         " SELECT count(*) FROM gone"),
        ("rows-changed-unbatched",
         "WITH one AS (UPDATE orders SET note = '' WHERE id = 1 RETURNING id) SELECT id FROM one"),
        ("rows-changed-unbatched",
         "WITH few AS (SELECT sku FROM items LIMIT 9), picked AS (SELECT f.sku FROM few f), gone AS"
         " (DELETE FROM items USING picked p WHERE items.sku = p.sku) SELECT count(*) FROM few"),
        ("rows-changed-unbatched",
         "CREATE TABLE kept AS WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone"
         " WITH NO DATA"),
        ("rows-changed-unbatched", "COPY (SELECT id FROM orders) TO STDOUT"),
        ("transaction-command", "SAVEPOINT a; ROLLBACK TO a"),
        ("lock-timeout-disabled", "SET LOCAL lock_timeout = '5s'"),
        ("lock-timeout-disabled", "SET lock_timeout = 1000"),
        ("table-locked-by-hand", "LOCK TABLE orders IN ACCESS SHARE MODE"),
        ("table-locked-by-hand", "CREATE TABLE n (id int); LOCK TABLE n"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """What has a rule of its own, or holds nobody up, is not reported here."""
    assert findings(rule, sql, transaction=True) == []


@pytest.mark.parametrize(
    ("rule", "sql", "expected"),
    [
        ("several-tables-locked",
         f"{_ADD}; ALTER TABLE users ADD a int; ALTER TABLE items ADD a int",
         "warning: 3 tables are locked in one transaction: orders, users, items"),
        ("several-tables-locked", f"{_ADD}; ALTER TABLE users ADD a int",
         "note: 2 tables are locked in one transaction: orders, users"),
        ("rows-changed-unbatched", "UPDATE orders SET note = 'x' WHERE code = 'a' AND total > 1",
         "note: orders: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "DELETE FROM items WHERE sku NOT IN (SELECT a FROM b LIMIT 9)",
         "warning: items: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "WITH one AS (SELECT id FROM users LIMIT 1)"
         " UPDATE orders SET total = one.id FROM one",
         "warning: orders: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched", "WITH one AS (SELECT id FROM users LIMIT 1)"
         " UPDATE orders SET total = one.id FROM one WHERE note IS NULL AND code <> 'b'",
         "warning: orders: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "DELETE FROM items WHERE sku > (SELECT a FROM b LIMIT 1)",
         "warning: items: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "DELETE FROM orders WHERE total BETWEEN 1 AND 9",
         "note: orders: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "DELETE FROM items WHERE sku IN ('a', 'b')",
         "note: items: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "UPDATE orders SET code = 'b' WHERE code = 'a'",
         "warning: orders: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "UPDATE users SET name = '' WHERE active = true",
         "warning: users: rows are changed in one transaction, those that meet the condition"),
        ("lock-held-during-work", f"{_ADD}; CREATE INDEX i ON users (email);"
         " CREATE INDEX j ON users (name)",
         "error: orders: nobody can read or write it while the transaction works on users"),
        ("lock-held-during-work", f"{_ADD}; CREATE INDEX i ON orders (a)",
         "error: orders: nobody can read or write it while the transaction works on it"),
        ("backfill-in-ddl-transaction", f"{_ADD}; UPDATE users SET nickname = name",
         "error: orders: nobody can use it until the rows of users are changed"),
        ("rows-changed-unbatched", "DELETE FROM items",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "WITH gone AS (DELETE FROM items RETURNING *) SELECT count(*) FROM gone",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "WITH gone AS (DELETE FROM items RETURNING *) INSERT INTO kept SELECT * FROM gone",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "CREATE TABLE kept AS WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "WITH few AS (SELECT 1 LIMIT 1), gone AS (DELETE FROM items RETURNING *) SELECT 1",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "WITH probe AS (SELECT 1 FROM kept LIMIT 1), gone AS (DELETE FROM items USING kept"
         " WHERE items.sku = kept.sku RETURNING 1) SELECT count(*) FROM gone",
         "warning: items: rows are changed in one transaction, those that meet the condition"),
        ("rows-changed-unbatched", "COPY (DELETE FROM items RETURNING *) TO STDOUT",
         "warning: items: rows are changed in one transaction, all of them"),
        ("rows-changed-unbatched",
         "COPY (WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone) TO STDOUT",
         "warning: items: rows are changed in one transaction, all of them"),
        ("backfill-in-ddl-transaction",
         f"{_ADD}; WITH new AS (UPDATE users SET nickname = name RETURNING 1) SELECT 1 FROM new",
         "error: orders: nobody can use it until the rows of users are changed"),
        ("lock-timeout-disabled", "SET LOCAL lock_timeout = '0ms'",
         "warning: lock_timeout is 0: it waits for locks without end, and others behind it"),
        ("table-locked-by-hand", "LOCK TABLE orders IN SHARE MODE",
         "warning: orders: writes wait until the transaction ends"),
    ],
)  # fmt: skip
def test_found(rule: str, sql: str, expected: str) -> None:
    """One finding for a transaction, or for a statement."""
    assert findings(rule, sql, transaction=True) == [expected]


@pytest.mark.parametrize(("file", "expected"), [("r1.py", ["BEGIN", "COMMIT"]), ("a.sql", [])])
def test_transactions_of_a_revision_are_alembics(file: str, expected: list[str]) -> None:
    """In a script of SQL they are what they should be."""
    up = tuple(Statement(sql, file, 1, transaction=1) for sql in ("BEGIN", "SELECT 1", "COMMIT"))
    migration = Migration(name="r1", file=file, up=up)
    found = titles(judge("transaction-command", migration).findings)
    assert [each.split()[1] for each in found] == expected


def test_the_fix_of_a_backfill_is_a_chain() -> None:
    """What locks the table first, and the rows in a revision of their own."""
    sql = f"{_ADD}; UPDATE orders SET a = 1 WHERE note IS NULL"
    [found] = judge("backfill-in-ddl-transaction", script(sql, transaction=True)).findings
    assert found.fix is not None
    first, second = found.fix.code.split("\n# next revision\n")
    assert first == f'op.execute("{_ADD}")'
    assert "UPDATE orders SET a = 1\n" in second
    assert "WHERE id IN (SELECT id FROM batch) AND (note IS NULL)" in second


def test_a_table_with_a_key_of_two_columns_has_no_ready_batches() -> None:
    """Then the finding comes without code."""
    made = script("CREATE TABLE n (a int, b int, c int, PRIMARY KEY (a, b))", name="r0.py")
    before = Migration(name="r0", up=made.up, judged=False)
    [found] = judge("rows-changed-unbatched", before, script("UPDATE n SET c = 1")).findings
    assert found.fix is None


@pytest.mark.parametrize("known", [True, False])
def test_a_key_that_nobody_knows(known: bool) -> None:
    """Where the table was never seen, its key is guessed, and that is said."""
    before = "ALTER TABLE users ADD a int; "
    for rule, sql in (
        ("rows-changed-unbatched", "UPDATE orders SET note = 'x'"),
        ("backfill-in-ddl-transaction", f"{before}UPDATE orders SET note = 'x'"),
    ):
        [found] = judge(rule, script(sql, transaction=True), known=known).findings
        assert found.fix is not None
        assert ("; id stands for the key" in found.fix.label) is not known


@pytest.mark.parametrize(("commit", "expected"), [("COMMIT;", 0), ("", 1)])
def test_the_batches_of_a_block(commit: str, expected: int) -> None:
    """The loop that lint itself proposes is silent; one that never commits is no better."""
    proposed = backfill(Name("", "orders"), "total", "1")
    (said,) = [
        each.args[0].value
        for each in ast.walk(ast.parse(proposed))
        if isinstance(each, ast.Call) and each.args and isinstance(each.args[0], ast.Constant)
    ]
    block = str(said).replace("COMMIT;", commit)
    linted = lint([Migration(name="1", up=(Statement(block),))])
    rules = [each.rule for each in linted.findings]
    assert rules == ["rows-changed-unbatched"] * expected


def test_tables_that_are_held_are_named_in_their_order() -> None:
    """What one statement locks is told in its order: a report is the same at every run."""
    names = ", ".join(f"t{number}" for number in range(9))
    sql = f"LOCK TABLE {names}; CREATE INDEX i ON orders (note)"
    found = judge("lock-held-during-work", script(sql, transaction=True), known=False).findings
    assert [each.title.partition(":")[0] for each in found] == [names]
