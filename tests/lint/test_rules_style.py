"""Rules of style: they are asked only where somebody selects them."""

import pytest

from dbtool.finding import Severity
from dbtool.lint.rules import OPT_IN, RULES
from dbtool.lint.run import lint
from dbtool.lint.schema import Schema
from tests.lint.judging import findings, judge, script
from tests.lint.pages import examples, history, migration


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("integer-primary-key", "CREATE TABLE n (a int, b int, PRIMARY KEY (a, b))"),
        ("integer-primary-key", "CREATE TABLE n (id uuid PRIMARY KEY, a int)"),
        ("varchar-with-length", "CREATE TABLE n (a varchar)"),
        ("char-column", 'CREATE TABLE n (a "char")'),
        ("timestamp-without-time-zone", "CREATE TABLE n (a timestamptz(3))"),
        ("constraint-unnamed", "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (code)"),
        ("constraint-unnamed", "CREATE TABLE n (id int PRIMARY KEY, a int NOT NULL)"),
        ("existence-ignored", "CREATE OR REPLACE VIEW v AS SELECT 1"),
        ("name-too-long", f"SELECT '{'a' * 70}' -- {'b' * 70}"),
        ("name-too-long", f"CREATE TABLE {'a' * 63} (id int)"),
        ("schema-not-named", "CREATE TEMP TABLE n (id int)"),
        ("table-without-primary-key", "CREATE TABLE n PARTITION OF visits DEFAULT"),
        ("wide-index", "CREATE UNIQUE INDEX i ON orders (user_id, status, state, note)"),
        ("wide-index", "CREATE INDEX i ON orders (user_id) INCLUDE (status, state, note)"),
        ("brief-exclusive-lock", "ALTER TABLE orders ALTER note SET NOT NULL"),
    ],
)
def test_silent(rule: str, sql: str) -> None:
    """What only looks alike is not reported."""
    assert findings(rule, sql) == []


@pytest.mark.parametrize(
    ("rule", "sql", "expected"),
    [
        ("integer-primary-key", "CREATE TABLE n (id serial PRIMARY KEY)",
         "n.id: integer as primary key, which runs out of numbers"),
        ("varchar-with-length", "ALTER TABLE orders ALTER note TYPE varchar(9)",
         "orders.note: varchar(9), where text and a check can be changed later"),
        ("constraint-unnamed", "ALTER TABLE orders ADD CHECK (note <> '')",
         "orders: check constraint on (note) has no name"),
        ("existence-ignored", "DROP TABLE IF EXISTS a, b",
         "IF EXISTS: it succeeds whatever the database has under that name"),
        ("name-too-long", f'CREATE TABLE "{"ä" * 40}" (id int)', f"{'ä' * 40} has 80 bytes"),
        ("wide-index", "CREATE INDEX i ON orders (user_id, status, state, note)",
         "orders: index i has 4 columns"),
    ],
)  # fmt: skip
def test_found(rule: str, sql: str, expected: str) -> None:
    """Each is a note."""
    assert findings(rule, sql) == [f"note: {expected}"]


def test_one_finding_for_one_column() -> None:
    """A column whose length changes is of the kind it was, which was told where it was made."""
    made = "CREATE TABLE n (a char(3), b text); ALTER TABLE n ALTER a TYPE char(5)"
    assert len(findings("char-column", made)) == 1
    assert len(findings("char-column", f"{made}; ALTER TABLE n ALTER b TYPE char(5)")) == 2


def test_a_cut_name_is_shown_as_the_server_has_it() -> None:
    """In whole characters of at most 63 bytes."""
    sql = f'CREATE TABLE "{"ä" * 40}" (id int)'
    [found] = judge("name-too-long", script(sql)).findings
    assert found.evidence == (f"the server calls it {'ä' * 31}",)


def test_nobody_is_asked_for_style_unasked() -> None:
    """What is usually asked says nothing by a rule of style, and those only note."""
    assert not {*OPT_IN} & {*RULES}
    names = {each.name for each in examples() if each.rule in OPT_IN}
    for example in (each for each in examples() if each.name in names and each.kind == "Bad"):
        known = Schema(complete=True)
        usual = lint([history(), migration(example)], schema=known).findings
        assert not [each for each in usual if each.rule in names]
        asked = judge(example.name, migration(example)).findings
        assert {each.severity for each in asked} == {Severity.NOTE}
