"""Rules about names that go, with what hangs on them."""

from dataclasses import replace

import pytest

from dbtool.statement import Migration
from tests.lint.judging import findings, judge, script


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("table-renamed", "CREATE TABLE n (id int); ALTER TABLE n RENAME TO m"),
        ("table-renamed", "ALTER TABLE orders RENAME TO old; CREATE VIEW orders AS TABLE old"),
        ("table-renamed", "CREATE TABLE new (id int); ALTER TABLE orders RENAME TO old;"
         " ALTER TABLE new RENAME TO orders"),
        ("table-renamed", "ALTER INDEX orders_user_id_idx RENAME TO i"),
        ("column-renamed", "CREATE TABLE n (a int); ALTER TABLE n RENAME a TO b"),
        ("column-renamed", "ALTER TABLE orders RENAME note TO remark;"
         " ALTER TABLE orders ADD COLUMN note text"),
        ("type-renamed", "CREATE TYPE n AS ENUM ('a'); ALTER TYPE n RENAME TO m"),
        ("type-renamed", "ALTER TYPE order_state RENAME TO old;"
         " CREATE TYPE order_state AS ENUM ('open')"),
        ("column-dropped", "CREATE TABLE n (a int, b int); ALTER TABLE n DROP COLUMN a"),
        ("column-dropped", "ALTER TABLE orders DROP COLUMN IF EXISTS never_there"),
        ("column-dropped", "ALTER TABLE orders ADD COLUMN n text; ALTER TABLE orders DROP note;"
         " ALTER TABLE orders RENAME n TO note"),
        ("column-renamed", "ALTER TABLE orders ADD COLUMN n text; ALTER TABLE orders DROP note;"
         " ALTER TABLE orders RENAME n TO note"),
        ("drop-with-dependents", "ALTER TABLE items DROP COLUMN order_id; DROP TABLE orders"),
        ("foreign-key-type-mismatch", "CREATE TABLE a (n varchar(9) PRIMARY KEY);"
         " CREATE TABLE b (n text REFERENCES a)"),
        ("column-recreated", "ALTER TABLE orders ADD COLUMN a int; ALTER TABLE users ADD a int"),
        ("constraint-lost-with-column", "ALTER TABLE orders DROP COLUMN user_id"),
        ("constraint-lost-with-column", "ALTER TABLE orders ADD CHECK (note <> code);"
         " ALTER TABLE orders DROP COLUMN note"),
        ("table-dropped", "CREATE TABLE n (id int); DROP TABLE n"),
        ("table-dropped", "CREATE TABLE n (room int); DROP TABLE bookings;"
         " ALTER TABLE n RENAME TO bookings"),
        ("table-dropped", "DROP TABLE IF EXISTS nowhere"),
        ("view-dropped", "CREATE VIEW v AS SELECT 1; DROP VIEW v"),
        ("object-dropped", "DROP FUNCTION touch; CREATE FUNCTION touch() RETURNS int"
         " LANGUAGE sql AS 'SELECT 1'"),
        ("cascade-drop", "DROP TABLE bookings CASCADE"),
        ("cascade-drop", "DROP INDEX orders_user_id_idx CASCADE"),
        ("cascade-drop", "DROP TRIGGER touched ON orders CASCADE"),
        ("cascade-drop", "DROP POLICY own ON orders CASCADE"),
        ("cascade-drop", "DROP RULE kept ON orders CASCADE"),
        ("cascade-drop", "DROP FUNCTION orders CASCADE"),
        ("cascade-drop", "DROP SEQUENCE counter CASCADE"),
        ("drop-with-dependents", "DROP TABLE orders CASCADE"),
        ("table-truncated", "CREATE TABLE n (id int); TRUNCATE n"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """What no running program can miss is not reported."""
    assert findings(rule, sql) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import sqlalchemy as sa  # sqlmodel", 'remark = mapped_column("note")'),
        ("import sqlmodel", 'remark: ... = Field(sa_column_kwargs={"name": "note"})'),
        (
            "from sqlmodel.sql.sqltypes import AutoString",
            'remark: ... = Field(sa_column_kwargs={"name": "note"})',
        ),
    ],
)
def test_an_attribute_is_renamed_in_the_words_of_its_models(text: str, code: str) -> None:
    """A revision that imports SQLModel is one of its classes, which know no mapped_column."""
    revision = replace(script("ALTER TABLE orders RENAME note TO remark"), text=f"{text}\n")
    (found,) = judge("column-renamed", revision).findings
    assert found.fix
    assert found.fix.code == code


@pytest.mark.parametrize(
    ("rule", "sql", "code"),
    [
        ("table-dropped", "DROP TABLE bookings", 'op.drop_table("bookings")'),
        ("table-dropped", "DROP TABLE orders CASCADE", 'op.execute("DROP TABLE orders CASCADE")'),
        ("table-dropped", "DROP TABLE IF EXISTS public.orders CASCADE",
         'op.execute("DROP TABLE IF EXISTS public.orders CASCADE")'),
        ("column-dropped", "ALTER TABLE users DROP COLUMN email CASCADE",
         'op.execute("ALTER TABLE users DROP COLUMN email CASCADE")'),
        ("column-dropped", "ALTER TABLE users DROP COLUMN IF EXISTS email CASCADE",
         'op.execute("ALTER TABLE users DROP COLUMN IF EXISTS email CASCADE")'),
    ],
)  # fmt: skip
def test_a_drop_is_proposed_as_it_was_meant(rule: str, sql: str, code: str) -> None:
    """Without its CASCADE what is proposed would fail."""
    (finding,) = judge(rule, script(sql)).findings
    assert finding.fix is not None
    assert finding.fix.code.splitlines()[-1] == code


@pytest.mark.parametrize(
    ("rule", "sql", "expected"),
    [
        ("table-renamed", "ALTER TABLE users SET SCHEMA archive",
         "warning: users: running programs still use the old name"),
        ("table-renamed", "ALTER VIEW active_users RENAME TO v",
         "warning: active_users: running programs still use the old name"),
        ("type-renamed", "ALTER SCHEMA public RENAME TO app",
         "warning: schema public: running programs still use the old name"),
        ("table-truncated", "TRUNCATE orders CASCADE",
         "error: orders: all its rows and those of items are lost"),
        ("cascade-drop", "DROP TYPE order_state CASCADE",
         "warning: type order_state: CASCADE drops what depends on it"),
        ("cascade-drop", "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE",
         "warning: constraint orders_pkey of orders: CASCADE drops what depends on it"),
        ("drop-with-dependents", "DROP INDEX orders_pkey",
         "error: orders: it cannot be dropped, constraint orders_pkey of orders needs it"),
        ("drop-with-dependents", "TRUNCATE orders",
         "error: orders: it cannot be dropped, a foreign key of items refers to it"),
        ("object-dropped", "DROP SEQUENCE counter",
         "warning: sequence counter: running programs may still use it"),
    ],
)  # fmt: skip
def test_found(rule: str, sql: str, expected: str) -> None:
    """Each object is one finding."""
    assert findings(rule, sql) == [expected]


def test_a_required_column_is_dropped_in_two_steps() -> None:
    """Programs that no longer know the column have to be able to insert before it goes."""
    [found] = judge("column-dropped", script("ALTER TABLE orders DROP COLUMN total")).findings
    assert found.fix is not None
    assert found.fix.code == (
        'op.alter_column("orders", "total", nullable=True)\n'
        "# take the column out of the models and deploy that\n"
        "# next revision\n"
        'op.drop_column("orders", "total")'
    )


def test_what_cascade_takes_is_listed() -> None:
    """From the history, by name."""
    [found] = judge("cascade-drop", script("DROP TABLE orders CASCADE")).findings
    assert found.evidence == ("it takes foreign key items_order_id_fkey of items",)


def test_cascade_where_nothing_is_known() -> None:
    """Then it may take anything."""
    [found] = judge("cascade-drop", script("DROP TABLE x CASCADE"), known=False).findings
    assert found.evidence == ("it takes whatever depends on it: not known here",)
    assert found.certainty.value == "heuristic"


def test_a_drop_that_takes_no_foreign_key_along_has_no_other_way() -> None:
    """Where nothing can go before it, nothing is proposed."""
    made = script("CREATE TABLE n (id int); CREATE MATERIALIZED VIEW m AS SELECT id FROM n")
    before = Migration(name="0", up=made.up, judged=False)
    [found] = judge("drop-locks-other-table", before, script("DROP TABLE n CASCADE")).findings
    assert found.title == "n: dropping it locks m as well"
    assert found.fix is None
