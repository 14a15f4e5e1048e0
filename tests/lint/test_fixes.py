"""The code a finding ends with runs, revision by revision, and the rule has nothing left to say."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.code import NEXT
from dbtool.lint.rules import OPT_IN, RULES
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Schema
from dbtool.observe import Observer
from dbtool.statement import Migration, Statement
from tests.conftest import MAJOR
from tests.lint.pages import Example, examples, history, migration, statements

_WHOLE_TRANSACTION = ("enum-value-used-at-once", "backfill-in-ddl-transaction")
"""Rules whose code stands for the statements before as well."""

_BY_HAND = {"required-column-without-default": "UPDATE orders SET channel = 'web'"}
"""What the team has to fill in between the revisions."""


def linted(rule: str, *migrations: Migration) -> tuple[Finding, ...]:
    """What one rule says."""
    asked = tuple(each for each in (*RULES, *OPT_IN) if rule_name(each.__name__) == rule)
    return lint(
        migrations,
        schema=Schema(complete=True),
        server=MAJOR,
        rules=Rules(statement=asked, whole=(), comment=()),
    ).findings


def deploy(target: Target, code: str) -> tuple[Statement, ...]:
    """Run the revisions of a fix one after the other, as Alembic would; returns what they ran."""
    ran: list[Statement] = []

    def revision(connection: sa.Connection, number: int, text: str) -> None:
        def take(*event: object) -> None:
            options = connection.get_execution_options()
            alone = options.get("isolation_level") == "AUTOCOMMIT"
            transaction = None if alone else number
            ran.append(Statement(str(event[2]), "fix.py", 1, "fix", transaction=transaction))

        sa.event.listen(connection, "before_cursor_execute", take)
        context = MigrationContext.configure(connection)
        with context.begin_transaction(), Operations.context(context) as operations:
            exec(text, {"op": operations, "sa": sa, "postgresql": postgresql})

    async def run() -> None:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        for number, text in enumerate(code.split(NEXT), 1):
            async with engine.connect() as connection:
                await connection.run_sync(revision, number, text)
                await connection.commit()
        await engine.dispose()

    asyncio.run(run())
    return tuple(ran)


def prepare(target: Target, *before: Statement) -> None:
    """Leave the schema, and on it what stands in the migration before the finding."""
    with Observer(target) as observer:
        assert observer.replay((*history().up, *before)) is None


def errors(rule: str, *migrations: Migration) -> list[str]:
    """What of it is an error; the rest depends on what is deployed between revisions."""
    found = linted(rule, *migrations)
    return [each.title for each in found if each.severity is Severity.ERROR]


_FIXED = [
    pytest.param(example, finding.fix.code, id=example.name)
    for example in examples()
    if example.kind == "Bad" and example.rule in RULES
    for finding in linted(example.name, history(), migration(example))
    if finding.fix and finding.fix.language == "python" and "…" not in finding.fix.code
]


@pytest.mark.parametrize(("example", "code"), _FIXED)
def test_fix_of_a_page(database: Target, example: Example, code: str) -> None:
    """What the finding on a bad block proposes works on the schema before it."""
    before = () if example.name in _WHOLE_TRANSACTION else migration(example).up[:-1]
    prepare(database, *before)
    if example.name in _BY_HAND:
        first, by_hand, rest = code.split(NEXT, 2)
        assert by_hand.strip().startswith("#")
        code = NEXT.join((first, f'op.execute("{_BY_HAND[example.name]}")', rest))
    ran = deploy(database, code)
    made = Migration(name="before", up=before, judged=False)
    judged = Migration(name="fix", up=tuple(each for each in ran if "$1" not in each.sql))
    assert errors(example.name, history(), made, judged) == []


def fix_of(rule: str, sql: str) -> str:
    """The code that one rule gives for a statement."""
    judged = Migration(name="change", up=(*statements(sql, 1),))
    (finding,) = linted(rule, history(), judged)
    assert finding.fix is not None
    return finding.fix.code


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("column-type-rewrite", "ALTER TABLE orders ALTER COLUMN user_id TYPE text"),
        ("column-type-rewrite", "ALTER TABLE orders ALTER note TYPE int USING length(note)"),
        ("column-type-rewrite", "ALTER TABLE orders ALTER total TYPE price"),
        ("column-type-rewrite", "ALTER TABLE orders ALTER note TYPE price USING length(note)"),
        ("column-type-rewrite", "ALTER TABLE tags ALTER tag_id TYPE bigint"),
        ("column-type-rewrite", "ALTER TABLE events ALTER kind TYPE char(9)"),
        ("column-type-rewrite", "ALTER TABLE users ALTER created_at TYPE timestamptz(0)"),
        ("column-type-without-cast", "ALTER TABLE items ALTER sku TYPE bytea"),
        (
            "foreign-key-validated-at-once",
            "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE",
        ),
        (
            "foreign-key-validated-at-once",
            "ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES users",
        ),
        (
            "check-validated-at-once",
            "ALTER TABLE orders ADD b text, ADD CHECK (total > 0 AND lower(note) IN ('soon', ''))",
        ),
        ("unique-built-under-lock", "ALTER TABLE events ADD UNIQUE (id, day)"),
        ("unique-built-under-lock", "ALTER TABLE orders ADD UNIQUE (code) INCLUDE (note)"),
        ("domain-checked-everywhere", "ALTER DOMAIN handle SET NOT NULL"),
        ("drop-locks-other-table", "DROP TABLE orders CASCADE"),
        ("drop-locks-other-table", "ALTER TABLE items DROP order_id"),
        ("drop-locks-other-table", "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey"),
    ],
)
def test_fix(database: Target, rule: str, sql: str) -> None:
    """What a finding proposes works on the schema before it, whatever else the statement does."""
    prepare(database)
    ran = deploy(database, fix_of(rule, sql))
    judged = Migration(name="fix", up=tuple(each for each in ran if "$1" not in each.sql))
    assert errors(rule, history(), judged) == []


def test_names_that_need_quotes(database: Target) -> None:
    """Capitals, keywords and schemas keep their quotes wherever they are written."""
    made = Migration(
        name="made",
        up=(
            *statements(
                'CREATE SCHEMA "My"; CREATE TABLE "My"."Order" (id int PRIMARY KEY,'
                ' "Total" int NOT NULL DEFAULT 1, "user" text);'
                'CREATE INDEX "Ix" ON "My"."Order" (lower("user")) WHERE "Total" > 3;'
                'INSERT INTO "My"."Order" VALUES (1), (2)',
                0,
            ),
        ),
        judged=False,
    )
    sql = 'ALTER TABLE "My"."Order" ALTER "Total" TYPE bigint'
    (finding,) = linted("column-type-rewrite", made, Migration(name="m", up=(Statement(sql),)))
    assert finding.fix is not None
    prepare(database, *made.up)
    deploy(database, finding.fix.code)
    with SyncConnection(database) as connection:
        found = connection.fetch('SELECT pg_typeof("Total")::text, "Total" FROM "My"."Order"')
        built = connection.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'Ix_new'")
    assert [tuple(row) for row in found] == [("bigint", 1)] * 2
    assert built == (
        'CREATE INDEX "Ix_new" ON "My"."Order" USING btree (lower("user")) WHERE ("Total" > 3)'
    )


def test_a_column_swapped(database: Target) -> None:
    """The column has its new type, its values, its default, its index, and takes new rows."""
    prepare(database)
    deploy(database, fix_of("column-type-rewrite", "ALTER TABLE orders ALTER user_id TYPE int"))
    deploy(
        database,
        fix_of("column-type-rewrite", "ALTER TABLE orders ALTER status TYPE char(9)"),
    )
    with SyncConnection(database) as connection:
        connection.execute("INSERT INTO orders (user_id, total) VALUES (3, 1)")
        rows = connection.fetch(
            "SELECT user_id, status::text, pg_typeof(user_id)::text FROM orders"
        )
        found = connection.fetch(
            "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'orders_user_id%'"
        )
    assert [tuple(row) for row in rows] == [
        (1, "open", "integer"),
        (2, "open", "integer"),
        (3, "open", "integer"),
    ]
    assert [row[0] for row in found] == [
        "CREATE INDEX orders_user_id_idx_new ON public.orders USING btree (user_id)"
    ]


def test_a_column_of_a_partitioned_table_swapped(database: Target) -> None:
    """The rows of every partition get their value."""
    prepare(database)
    deploy(database, fix_of("column-type-rewrite", "ALTER TABLE events ALTER kind TYPE char(4)"))
    with SyncConnection(database) as connection:
        rows = connection.fetch("SELECT kind, pg_typeof(kind)::text FROM events")
    assert [tuple(row) for row in rows] == [("seen", "character")] * 2
