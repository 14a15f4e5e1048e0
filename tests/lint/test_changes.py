"""Rules about types, nulls and constraints: where they speak, how sure they are, where not."""

import pytest

from dbtool.lint.run import Linted, lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration, Statement
from tests.lint.pages import history, statements

_OURS = (
    "column-type",
    "not-null",
    "default-dropped",
    "foreign-key-validated",
    "check-validated",
    "unique-built",
    "primary-key",
    "exclusion",
    "partitioned-table",
    "validated-under",
    "domain-checked",
    "drop-locks",
)


def judged(sql: str, *, known: bool = True, server: int = 18) -> Linted:
    """What is said of a script, on the shop's schema or on one that nobody knows."""
    migration = Migration(name="change", up=(*statements(sql, 1),))
    migrations = [history(), migration] if known else [migration]
    return lint(migrations, schema=Schema(complete=known), server=server)


def said(linted: Linted) -> list[tuple[str, str, str]]:
    """Rule, severity and certainty of what these rules found."""
    return [
        (each.rule, each.severity.word, each.certainty.value)
        for each in linted.findings
        if each.rule.startswith(_OURS)
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE orders ALTER code TYPE varchar(30)",
        "ALTER TABLE orders ALTER code TYPE text",
        "ALTER TABLE orders ALTER note TYPE varchar",
        "ALTER TABLE orders ALTER total TYPE numeric(14, 2)",
        "ALTER TABLE orders ALTER total TYPE numeric",
        "SET timezone = 'UTC'; ALTER TABLE users ALTER created_at TYPE timestamptz",
        "ALTER TABLE orders ALTER note SET DEFAULT ''",
        "ALTER TABLE orders ALTER note DROP DEFAULT",
        "ALTER TABLE orders ALTER status DROP DEFAULT, ALTER status SET DEFAULT 'x'",
        "ALTER TABLE orders ALTER status DROP DEFAULT;"
        "ALTER TABLE orders ALTER status SET DEFAULT 'x'",
        "ALTER TABLE orders ALTER note DROP NOT NULL",
        "ALTER TABLE orders ALTER total SET NOT NULL",
        "ALTER TABLE orders ADD CHECK (total > 0) NOT VALID",
        "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        "ALTER TABLE items VALIDATE CONSTRAINT items_sku_filled",
        "ALTER DOMAIN price ADD CHECK (VALUE < 10)",
        "ALTER DOMAIN email DROP NOT NULL",
        "DROP TABLE tags",
        "DROP TABLE items, orders",
        "CREATE TABLE n (id int, r int); ALTER TABLE n ADD PRIMARY KEY (id), ADD CHECK (id > 0),"
        " ADD UNIQUE (r), ALTER r TYPE text, ALTER r SET NOT NULL, ADD EXCLUDE (r WITH =),"
        " ADD FOREIGN KEY (id) REFERENCES orders; ALTER TABLE n ALTER r DROP NOT NULL",
    ],
)
def test_what_costs_nothing_is_left_alone(sql: str) -> None:
    """Only the catalog changes, nobody uses the table yet, or a later operation takes it back."""
    told = judged(sql)
    assert said(told) == []
    assert told.unknowns == ()


@pytest.mark.parametrize(
    ("sql", "rules"),
    [
        ("ALTER TABLE orders ALTER id TYPE bigint", ["column-type-rewrite"]),
        ("ALTER TABLE orders ALTER note TYPE jsonb", ["column-type-without-cast"]),
        ("ALTER TABLE orders ALTER note TYPE jsonb USING note::jsonb", ["column-type-rewrite"]),
        ("ALTER TABLE orders ALTER code TYPE char(20)", ["column-type-rewrite"]),
        ("ALTER TABLE orders ALTER note TYPE price USING 0", ["column-type-rewrite"]),
        (
            "ALTER TABLE users ALTER active TYPE int USING 1",
            ["column-type-in-use", "column-type-without-cast"],
        ),
        (
            "SET timezone = 'Europe/Berlin'; ALTER TABLE users ALTER created_at TYPE timestamptz",
            ["column-type-rewrite"],
        ),
        ("ALTER TABLE orders ADD CONSTRAINT n NOT NULL note", ["not-null-without-proof"]),
        ("ALTER TABLE events ALTER kind SET NOT NULL", ["not-null-without-proof"]),
        ("ALTER TABLE events ALTER day TYPE timestamp", ["column-type-in-use"]),
        ("ALTER TABLE events_2026 ALTER kind TYPE char(4)", ["column-type-in-use"]),
        ("ALTER TABLE events ADD CHECK (id > 0)", ["check-validated-at-once"]),
        ("ALTER TABLE tags ADD PRIMARY KEY (tag_id, name)", ["primary-key-built-under-lock"]),
        ("ALTER DOMAIN email SET NOT NULL", ["domain-checked-everywhere"]),
        ("ALTER DOMAIN handle ADD CHECK (VALUE > '')", ["domain-checked-everywhere"]),
        ("DROP TABLE orders CASCADE", ["drop-locks-other-table"]),
        ("ALTER TABLE items DROP order_id", ["drop-locks-other-table"]),
        ("ALTER TABLE items DROP CONSTRAINT items_order_id_fkey", ["drop-locks-other-table"]),
        ("ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE", ["drop-locks-other-table"]),
        (
            "ALTER TABLE orders ADD CHECK (total > 0), ADD UNIQUE (code), ALTER note SET NOT NULL",
            ["not-null-without-proof", "check-validated-at-once", "unique-built-under-lock"],
        ),
    ],
)
def test_what_costs_is_named_once(sql: str, rules: list[str]) -> None:
    """One finding for each hazard of a statement, and it is sure where the history decides."""
    found = said(judged(sql))
    assert [rule for rule, _, _ in found] == rules
    assert {certainty for _, _, certainty in found} == {"proven from history"}


@pytest.mark.parametrize(
    ("sql", "unknown"),
    [
        ("ALTER TABLE a ALTER b TYPE bigint", "a.b: the type of b before"),
        (
            "ALTER TABLE a ALTER b SET NOT NULL",
            "a.b: whether a validated check proves that b has no null",
        ),
        (
            "ALTER TABLE a ADD PRIMARY KEY USING INDEX i",
            "a: whether the columns of the primary key are NOT NULL already",
        ),
        (
            "ALTER DOMAIN d VALIDATE CONSTRAINT c",
            "domain d: which tables have a column of this domain: each is read",
        ),
        (
            "ALTER TABLE a DROP CONSTRAINT a_b_fkey",
            "a: which table a_b_fkey refers to, and so locks as well",
        ),
        (
            "ALTER TABLE a SET UNLOGGED",
            "a: whether the table is so already: then SET UNLOGGED does nothing",
        ),
        (
            "ALTER TABLE a SET TABLESPACE fast",
            "a: whether the table is so already: then SET TABLESPACE does nothing",
        ),
        (
            "CREATE INDEX IF NOT EXISTS i ON a (b)",
            "a: index i: whether it exists already: if not, it is built while writes wait",
        ),
        (
            "ALTER TABLE a ADD COLUMN IF NOT EXISTS b uuid DEFAULT gen_random_uuid() UNIQUE",
            "whether column b of a exists already: if not, the table is rewritten and given an"
            " index while nobody can use it",
        ),
        (
            "ALTER TABLE a ADD COLUMN IF NOT EXISTS b int CHECK (b > 0)",
            "whether column b of a exists already: if not, the table is read row by row while"
            " nobody can use it",
        ),
    ],
)
def test_what_hangs_on_the_catalog_is_unknown(sql: str, unknown: str) -> None:
    """Without a history the verdict is left open, and says what would decide it."""
    told = judged(sql, known=False)
    assert told.findings == ()
    assert [(each.reason, each.decide) for each in told.unknowns] == [
        (unknown, "lint it with the history, or give the schema with --schema")
    ]


@pytest.mark.parametrize("required", ["NOT NULL", "PRIMARY KEY"])
@pytest.mark.parametrize("before", ["", "CREATE TABLE a AS SELECT 1 AS c;"])
def test_a_required_column_that_may_exist(required: str, before: str) -> None:
    """Unless it exists already it fails at the first row, which is said and not left open."""
    made = Migration(name="made", up=(*statements(before, 1),))
    sql = f"ALTER TABLE a ADD COLUMN IF NOT EXISTS b int {required}"
    change = Migration(name="change", up=(*statements(sql, 1),))
    told = lint([made, change], schema=Schema(complete=False))
    assert [(each.title, each.certainty.value) for each in told.findings] == [
        ("a.b: NOT NULL without a default fails as soon as the table has a row", "heuristic")
    ]
    assert told.unknowns == ()


def test_what_the_time_zone_decides() -> None:
    """The rows stay as they are only under UTC, which a revision can see to."""
    (unknown,) = judged("ALTER TABLE users ALTER created_at TYPE timestamptz").unknowns
    assert unknown.reason == (
        "users.created_at: the session's TimeZone: only under UTC the rows stay as they are"
    )
    assert unknown.decide == "SET LOCAL TimeZone = 'UTC' before it, in the same transaction"


def test_text_alone_is_a_guess() -> None:
    """Of a table nobody knows the rule speaks too, but does not claim to be sure."""
    told = judged("ALTER TABLE a ADD CHECK (b > 0)", known=False)
    assert said(told) == [("check-validated-at-once", "error", "heuristic")]


def test_a_check_that_only_has_to_be_validated() -> None:
    """A NOT VALID check is named, and the way to NOT NULL is one revision shorter."""
    told = judged(
        "ALTER TABLE orders ADD CONSTRAINT noted CHECK (note IS NOT NULL) NOT VALID;"
        "ALTER TABLE orders ALTER note SET NOT NULL"
    )
    (finding,) = told.findings
    assert finding.evidence == (
        "ACCESS EXCLUSIVE lock on orders: reads and writes wait",
        "every row of orders is read",
        "check noted is NOT VALID, which proves nothing",
    )
    assert finding.fix is not None
    assert finding.fix.code == (
        'op.execute("ALTER TABLE orders VALIDATE CONSTRAINT noted")\n'
        "# next revision\n"
        'op.alter_column("orders", "note", nullable=False)'
    )


def test_a_lock_of_the_same_statement() -> None:
    """Commands of one ALTER TABLE share the strongest of their locks."""
    told = judged(
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID;"
        "ALTER TABLE orders ADD CONSTRAINT d CHECK (total < 9) NOT VALID, VALIDATE CONSTRAINT c"
    )
    (finding,) = told.findings
    assert finding.rule == "validated-under-held-lock"
    assert finding.evidence[0] == (
        "ACCESS EXCLUSIVE lock on orders since page.py:1, page: reads and writes wait"
    )


def test_the_lock_that_is_held() -> None:
    """The evidence says what holds the lock, and since which line."""
    told = judged(
        "BEGIN;\nALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID;\n"
        "ALTER TABLE orders VALIDATE CONSTRAINT c;\nCOMMIT"
    )
    (finding,) = told.findings
    assert finding.title == "orders: c is proven for every row under an older lock"
    assert finding.evidence == (
        "ACCESS EXCLUSIVE lock on orders since page.py:2, page: reads and writes wait",
        "every row of orders is read",
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (
            'op.create_foreign_key(None, "orders", "users", ["user_id"], ["id"])',
            "op.create_foreign_key(\n"
            '    "orders_user_id_fkey", "orders", "users", ["user_id"], ["id"],\n'
            "    postgresql_not_valid=True,\n"
            ")",
        ),
        (
            'op.create_foreign_key(\n        None,\n        "orders",\n        "users",\n    )',
            'op.create_foreign_key(\n    "orders_user_id_fkey",\n    "orders",\n    "users",\n'
            "    postgresql_not_valid=True,\n)",
        ),
        (
            'batch_op.create_foreign_key("fk", "users", ["user_id"], ["id"])',
            'op.execute(\n    """\n'
            "    ALTER TABLE orders ADD CONSTRAINT orders_user_id_fkey"
            ' FOREIGN KEY (user_id) REFERENCES users NOT VALID\n    """\n)',
        ),
    ],
)
def test_the_call_keeps_its_words(source: str, code: str) -> None:
    """The fix is the team's own call with a name and one argument more, where it can be."""
    sql = "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users"
    operation = source.partition("(")[0]
    statement = Statement(sql, "r.py", 9, "r", operation, source, transaction=1)
    migration = Migration(name="r", up=(statement,))
    (finding,) = lint([history(), migration], schema=Schema(complete=True)).findings
    assert finding.fix is not None
    assert finding.fix.code.split("\n# next revision\n") == [
        code,
        'op.execute("ALTER TABLE orders VALIDATE CONSTRAINT orders_user_id_fkey")',
    ]


def test_a_foreign_key_of_a_partitioned_table_before_18() -> None:
    """NOT VALID is refused there, so each partition proves its own part first."""
    sql = "ALTER TABLE events ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users"
    told = (judged(f"{sql} NOT VALID", server=17), judged(sql, server=17))
    refused, scanned = (f for each in told for f in each.findings if f.rule.startswith(_OURS))
    assert (refused.rule, scanned.rule) == (
        "partitioned-table-refuses-constraint",
        "foreign-key-validated-at-once",
    )
    assert refused.fix is not None
    assert refused.fix == scanned.fix
    assert refused.fix.code.count("# next revision") == 4


def test_several_statements_in_one_text() -> None:
    """The fix takes its own statement out of a text that has others before it."""
    sql = "DROP TABLE tags, bookings; ALTER TABLE orders ADD CHECK (total > 0)"
    migration = Migration(name="m", up=(Statement(sql, transaction=1),))
    told = lint([history(), migration], schema=Schema(complete=True))
    (finding,) = [each for each in told.findings if each.rule.startswith(_OURS)]
    assert finding.fix is not None
    assert finding.fix.code.split("\n")[2].strip() == (
        "ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total > 0) NOT VALID"
    )
