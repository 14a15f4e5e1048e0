"""Rules about the values of enum types."""

import pytest

from dbtool.statement import Migration
from tests.lint.judging import findings, judge, script

_SWAP = (
    "ALTER TYPE order_state RENAME TO old; CREATE TYPE order_state AS ENUM ({});"
    "ALTER TABLE orders ALTER state TYPE order_state USING state::text::order_state"
)


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("enum-value-removed", _SWAP.format("'lost', 'open', 'paid', 'sent'")),
        ("enum-value-removed", "ALTER TABLE orders ALTER state TYPE text"),
        ("enum-value-renamed", "CREATE TYPE n AS ENUM ('a'); ALTER TYPE n RENAME VALUE 'a' TO 'b'"),
        ("enum-value-added", "CREATE TYPE n AS ENUM ('a'); ALTER TYPE n ADD VALUE 'b'"),
        ("enum-value-added", "ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'paid'"),
        ("enum-value-used-at-once",
         "ALTER TYPE order_state ADD VALUE 'x'; UPDATE orders SET state = 'x'"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """Values that stay, and types that nobody uses yet, are not reported."""
    assert findings(rule, sql) == []


def test_removed_values_are_named() -> None:
    """Each of them, where the history has both types."""
    assert findings("enum-value-removed", _SWAP.format("'open'")) == [
        "error: orders.state: it fails where a row has 'paid', 'sent'"
    ]


def test_a_value_used_in_its_transaction() -> None:
    """The use fails; the statement that adds the value goes first, on its own."""
    sql = "ALTER TYPE order_state ADD VALUE 'x'; UPDATE orders SET state = 'x' WHERE id = 1"
    [found] = judge("enum-value-used-at-once", script(sql, transaction=True)).findings
    assert found.title == "it fails: label 'x' of order_state was added in this transaction"
    assert found.fix is not None
    assert found.fix.code == (
        "with op.get_context().autocommit_block():\n"
        "    op.execute(\"ALTER TYPE order_state ADD VALUE 'x'\")\n"
        "op.execute(\"UPDATE orders SET state = 'x' WHERE id = 1\")"
    )


def test_a_renamed_value_of_a_table_elsewhere() -> None:
    """The rows are changed under the name that their table has, whatever schema the type is in."""
    made = script(
        "CREATE TYPE mood AS ENUM ('a'); CREATE SCHEMA \"My\";"
        'CREATE TABLE "My"."A b" (id int PRIMARY KEY, m mood)'
    )
    before = Migration(name="0", up=made.up, judged=False)
    sql = script("ALTER TYPE mood RENAME VALUE 'a' TO 'b'")
    [found] = judge("enum-value-renamed", before, sql).findings
    assert found.fix is not None
    assert """UPDATE "My"."A b" SET m = 'b'\n        WHERE id IN (SELECT id FROM batch)""" in (
        found.fix.code
    )
