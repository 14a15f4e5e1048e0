"""Rules about names that go, with what hangs on them."""

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
        ("drop-with-dependents", "DROP TABLE orders CASCADE"),
        ("table-truncated", "CREATE TABLE n (id int); TRUNCATE n"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """What no running program can miss is not reported."""
    assert findings(rule, sql) == []


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


@pytest.mark.parametrize(
    ("made", "takes"),
    [
        ("ALTER TABLE orders ALTER note SET DEFAULT f('x')", "the default of orders.note"),
        ("ALTER TABLE orders ADD g text GENERATED ALWAYS AS (f(note)) STORED",
         "column orders.g with its values"),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (f(note) > '')", "constraint c of orders"),
        ("CREATE INDEX i ON orders (f(note))", "index i of orders"),
        ("CREATE INDEX i ON orders (note) WHERE public.f(note) > ''", "index i of orders"),
        ("CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW WHEN (f(NEW.note) > '')"
         " EXECUTE FUNCTION touch()", "trigger t of orders"),
        ("CREATE POLICY p ON orders USING (f(note) > '')", "policy p of orders"),
        ("CREATE VIEW v AS SELECT id FROM orders WHERE f(note) > ''", "view v"),
    ],
)  # fmt: skip
def test_what_goes_with_a_function_is_listed(made: str, takes: str) -> None:
    """Whatever calls it, by either way to write its name."""
    function = "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'"
    before = Migration(name="0", up=script(f"{function}; {made}").up, judged=False)
    [found] = judge("cascade-drop", before, script("DROP FUNCTION f(text) CASCADE")).findings
    assert found.evidence == (f"it takes {takes}",)


def test_the_function_of_another_schema_takes_nothing_along() -> None:
    """Two of one name are told apart by where they are found."""
    made = (
        "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
        "CREATE SCHEMA s; CREATE FUNCTION s.f(text) RETURNS text IMMUTABLE LANGUAGE sql"
        " AS 'SELECT $1'; CREATE INDEX i ON orders (f(note))"
    )
    before = Migration(name="0", up=script(made).up, judged=False)
    assert judge("cascade-drop", before, script("DROP FUNCTION s.f CASCADE")).findings == ()


_OVERLOADED = (
    "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
    "ALTER TABLE orders ADD CHECK (f(note) > '' AND note IS NOT NULL);"
    "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'"
)


@pytest.mark.parametrize(
    ("made", "dropped"),
    [
        (_OVERLOADED, "f(text)"),
        (_OVERLOADED.replace("CREATE FUNCTION f(int)", "CREATE OR REPLACE FUNCTION f(int)"), "f"),
        (_OVERLOADED.rpartition(";")[0] + "; ALTER FUNCTION f(text) RENAME TO g", "g(text)"),
    ],
)
def test_who_calls_one_of_several_functions_is_not_known(made: str, dropped: str) -> None:
    """Its name does not tell; what a check proved that may be gone is proven no more."""
    before = Migration(name="0", up=script(made).up, judged=False)
    drop = f"DROP FUNCTION {dropped} CASCADE"
    [found] = judge("cascade-drop", before, script(drop)).findings
    assert found.evidence == ("it takes whatever depends on it: not known here",)
    [unknown] = judge("hidden-blocking-work", before, script(drop)).unknowns
    assert unknown.reason.startswith("which tables have something that calls")
    gone = Migration(name="1", up=script(drop).up, judged=False)
    required = script("ALTER TABLE orders ALTER note SET NOT NULL")
    assert judge("not-null-without-proof", before, required).findings == ()
    assert judge("not-null-without-proof", before, gone, required).findings


def test_a_function_that_nobody_made_takes_nothing_along() -> None:
    """One of the server by the same name stays."""
    before = Migration(
        name="0", up=script("CREATE INDEX i ON orders (lower(note))").up, judged=False
    )
    drop = script("DROP FUNCTION IF EXISTS lower CASCADE")
    assert judge("cascade-drop", before, drop).findings == ()


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
