"""`dbtool lint --fix`: a rewritten revision leaves the schema that the old one would have left."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.lint.fixing.mechanical import MECHANICAL
from dbtool.observe.baseline import dump
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.migrate.projects import FROM_CONFIG, Small, small

SHOP = (Path(__file__).parent / "shop.sql").read_text()
FK = 'op.create_foreign_key("fk_user", "orders", "users", ["user_id"], ["id"], ondelete="CASCADE")'
CASES = {
    "index-not-concurrent": (
        """
        op.create_index(
            "ix_note",
            "orders",
            ["note"],  # as it is searched
            postgresql_ops={"note": "text_pattern_ops"},
        )
        """,
        'op.drop_index("ix_note", table_name="orders")',
    ),
    "index-not-concurrent in SQL": (
        'op.execute("CREATE UNIQUE INDEX ix_two ON orders (code) NULLS NOT DISTINCT")',
        'op.execute("DROP INDEX ix_two")',
    ),
    "index-dropped-under-lock": (
        'op.drop_index("orders_user_id_idx", table_name="orders")',
        'op.create_index("orders_user_id_idx", "orders", ["user_id"])',
    ),
    "foreign-key-validated-at-once": (FK, 'op.drop_constraint("fk_user", "orders")'),
    "foreign-key-validated-at-once beside a column": (
        'op.add_column("items", sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id")))',
        'op.drop_column("items", "user_id")',
    ),
    "check-validated-at-once": (
        """op.create_check_constraint("ck", "orders", "note <> ':x' AND total > 0")""",
        'op.drop_constraint("ck", "orders")',
    ),
    "not-null-without-proof": (
        'op.alter_column("orders", "note", existing_type=sa.Text(), nullable=False)',
        'op.alter_column("orders", "note", existing_type=sa.Text(), nullable=True)',
    ),
    "not-null-without-proof with a default": (
        'op.alter_column("orders", "code", nullable=False, server_default="none")',
        'op.alter_column("orders", "code", nullable=True, server_default=None)',
    ),
    "unique-built-under-lock": (
        'op.execute("ALTER TABLE orders ADD CONSTRAINT uq UNIQUE (code) INCLUDE (note)'
        ' WITH (fillfactor = 70) USING INDEX TABLESPACE pg_default")',
        'op.drop_constraint("uq", "orders")',
    ),
    "unique-built-under-lock put off": (
        'op.create_unique_constraint("uq_off", "users", ["email"], deferrable=True)',
        'op.drop_constraint("uq_off", "users")',
    ),
    "primary-key-built-under-lock": (
        'op.create_primary_key("tags_pkey", "tags", ["tag_id"])',
        """
        op.drop_constraint("tags_pkey", "tags")
        op.alter_column("tags", "tag_id", nullable=True)
        """,
    ),
    "primary-key-over-nullable-column": (
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE UNIQUE INDEX CONCURRENTLY bookings_pkey ON bookings (room, during)")
            op.execute("ALTER TABLE bookings ALTER during DROP NOT NULL")
        op.execute("ALTER TABLE bookings ADD PRIMARY KEY USING INDEX bookings_pkey")
        """,
        'op.execute("ALTER TABLE bookings DROP CONSTRAINT bookings_pkey")',
    ),
    "check-in-new-column": (
        'op.add_column("orders", sa.Column("share", sa.Integer(),'
        ' sa.CheckConstraint("share >= 0", name="ck_share"), server_default="5", nullable=False))',
        'op.drop_column("orders", "share")',
    ),
    "foreign-key-in-new-column": (
        'op.execute("ALTER TABLE orders ADD COLUMN seller bigint DEFAULT 1'
        ' REFERENCES users (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED NOT NULL")',
        'op.drop_column("orders", "seller")',
    ),
    "unique-in-new-column": (
        "op.execute('ALTER TABLE orders ADD COLUMN num varchar(9) COLLATE \"C\" UNIQUE')",
        'op.drop_column("orders", "num")',
    ),
    "volatile-default": (
        'op.add_column("orders", sa.Column("token", sa.Uuid(),'
        ' server_default=sa.text("gen_random_uuid()"), nullable=False))',
        'op.drop_column("orders", "token")',
    ),
    "volatile-default of partitions": (
        'op.add_column("events", sa.Column("at", sa.Float(), server_default=sa.text("random()")))',
        'op.drop_column("events", "at")',
    ),
    "reindex-not-concurrent": ('op.execute("REINDEX TABLE orders")', "pass"),
    "materialized-view-refreshed": (
        'op.execute("REFRESH MATERIALIZED VIEW tag_uses")',
        "pass",
    ),
    "validated-under-held-lock": (
        """
        op.create_check_constraint("ck_v", "orders", "total > 1", postgresql_not_valid=True)
        op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_v")
        """,
        'op.drop_constraint("ck_v", "orders")',
    ),
    "partition-attached-without-check": (
        """
        op.execute(
            "ALTER TABLE visits ATTACH PARTITION visits_2027"
            " FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
        )
        """,
        'op.execute("ALTER TABLE visits DETACH PARTITION visits_2027")',
    ),
}
FAILING = "concurrently-in-transaction"
"""What fails as it is has no schema that it would leave."""


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A revision with the schema of the rules' pages, and one revision for each case."""
    each = "context.configure(connection=connection, transaction_per_migration=True"
    env = FROM_CONFIG.replace("context.configure(connection=connection", each)
    made = small(tmp_path / "project", env, revisions=0)
    before = "r00"
    made.revision(before, None, f'op.execute("""\n{SHOP}""")')
    for number, (up, down) in enumerate(CASES.values(), 1):
        name = f"r{number:02}"
        made.revision(name, before, up, down)
        before = name
    return made


@pytest.fixture
def other(server: Server) -> Iterator[Target]:
    """A second empty database."""
    yield server.create_database("fixed")
    server.drop_database("fixed")


def schema(target: Target) -> str:
    """The schema of a database, without what differs from dump to dump."""
    return re.sub(r"^\\(?:un)?restrict .*$", "", dump(target).sql, flags=re.M)


def test_every_rule_has_a_case() -> None:
    """What is called mechanical is proven to be."""
    assert {name.split(" ")[0] for name in CASES} | {FAILING} == MECHANICAL


def test_round_trip(dbtool: Dbtool, project: Small, database: Target, other: Target) -> None:
    """Up, down and up again: the same schema as by the old revisions, and nothing to find."""

    def move(target: Target, *words: str) -> str:
        ran = dbtool("--url", target.sqlalchemy_url(), *words, "--yes", cwd=project.root)
        assert ran.code == 0, ran.err
        return schema(target)

    old = move(database, "upgrade")
    empty = move(database, "downgrade", "r00")
    ran = dbtool("lint", "--fix", "--json", "r00:", cwd=project.root)
    said = json.loads(ran.out)
    rules = [each["rule"] for each in said["data"]["plan"]["fixed"]]
    assert rules == [name.split(" ")[0] for name in CASES]
    left = [each["rule"] for each in said["findings"] if each["severity"] != "note"]
    assert MECHANICAL.isdisjoint(left), left
    again = dbtool("lint", "--fix", "--json", "r00:", cwd=project.root)
    assert json.loads(again.out)["data"]["plan"]["changes"] == []
    assert move(other, "upgrade") == old
    assert move(other, "downgrade", "r00") == empty
    assert move(other, "upgrade") == old
    with SyncConnection(other) as connection:
        found = connection.fetch("SELECT share, seller, token IS NULL AS no FROM orders")
        filled = connection.fetchval("SELECT count(*) FROM events WHERE at IS NOT NULL")
    assert [tuple(row) for row in found] == [(5, 1, False), (5, 1, False)]
    assert filled == 2
