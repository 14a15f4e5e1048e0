"""The code a rule proposes is no sketch: Alembic runs it, and it finds nothing to object to."""

import ast
import asyncio
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding
from dbtool.lint.code import in_batches
from dbtool.lint.rules import OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Name, Schema
from dbtool.lint.subject import StatementRule, WholeRule
from dbtool.observe import Observer
from dbtool.statement import Migration, Statement
from tests.conftest import MAJOR
from tests.lint.pages import Example, examples, history, migration, statements

NEXT = "\n# next revision\n"
_OURS = (
    "index-dropped-under-lock",
    "reindex-not-concurrent",
    "concurrently-on-partitioned",
    "invalid-index-hidden",
    "foreign-key-without-index",
    "table-renamed",
    "column-dropped",
    "column-recreated",
    "table-dropped",
    "enum-value-removed",
    "enum-value-renamed",
    "backfill-in-ddl-transaction",
    "rows-changed-unbatched",
    "transaction-command",
    "partition-attached-without-check",
    "partition-detached-under-lock",
    "partition-created-beside-default",
    "partition-created-on-parent",
    "table-rewritten-by-command",
    "materialized-view-refreshed",
    "lock-timeout-disabled",
)
_BEFORE = {
    "foreign-key-without-index": "CREATE TABLE payments (id bigint, order_id integer)",
    "transaction-command": "ALTER TABLE orders ADD COLUMN remark text",
}
"""What the example itself has done by the time its fix is needed."""
_ONLY_RUN = ("fails-when-run", "hidden-blocking-work", "not-read")
_BAD = [each for each in examples() if each.kind == "Bad"]


def said(example: Example) -> Finding:
    """What the rule of the page says of its bad block."""
    rules = Rules(
        statement=tuple(each for each in (*RULES, *OPT_IN) if each is example.rule),
        whole=tuple(each for each in WHOLE_RULES if each is example.rule),
        comment=(),
    )
    known = Schema(complete=True)
    linted = lint([history(), migration(example)], schema=known, server=MAJOR, rules=rules)
    return linted.findings[0]


def deploy(target: Target, code: str) -> None:
    """Run code as the `upgrade` of a revision."""

    def run(connection: sa.Connection) -> None:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(), Operations.context(context) as operations:
            exec(code, {"op": operations, "sa": sa, "postgresql": postgresql})

    async def connected() -> None:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()
        await engine.dispose()

    asyncio.run(connected())


@pytest.mark.parametrize("example", [e for e in _BAD if e.name in _OURS], ids=lambda e: e.name)
def test_the_fix_runs(database: Target, example: Example) -> None:
    """Each revision of the proposed chain is deployed, one after the other."""
    fix = said(example).fix
    assert fix is not None
    with Observer(database) as observer:
        before = [*statements(_BEFORE.get(example.name, ""), 1001)]
        assert observer.replay([*history().up, *before]) is None
    for code in fix.code.split(NEXT):
        deploy(database, code)


@pytest.mark.parametrize("rule", [*RULES, *OPT_IN, *WHOLE_RULES], ids=lambda rule: rule.__name__)
def test_every_fix_is_python(rule: StatementRule | WholeRule) -> None:
    """Code in Python can be read by Python, and fits a screen as far as names allow it."""
    assert isinstance(rule, ModuleType)
    found = [said(each) for each in _BAD if each.rule is rule and each.name not in _ONLY_RUN]
    for finding in found:
        if finding.fix is not None and finding.fix.language == "python":
            ast.parse(finding.fix.code)


def test_batches_change_each_row_once(database: Target) -> None:
    """A change in batches reaches every row, begins with the first key and ends with the last."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE rows (id integer PRIMARY KEY, n integer, said text)")
        connection.execute("INSERT INTO rows SELECT i * 3 - 50, 0 FROM generate_series(1, 2500) i")
    sql = "UPDATE rows SET n = n + 1, said = 'at 10:30 :x' WHERE id <> 4 OR n IS NULL"
    code = in_batches(sql, Name("", "rows"), "id")
    assert code is not None
    deploy(database, code)
    with SyncConnection(database) as connection:
        [row] = connection.fetch("SELECT min(n), max(n), min(said), count(*) FROM rows WHERE n > 0")
        assert tuple(row) == (1, 1, "at 10:30 :x", 2499)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rows SET n = o.n FROM others o WHERE o.id = rows.id",
        "UPDATE rows SET n = 1 RETURNING id",
        "DELETE FROM rows USING others WHERE others.id = rows.id",
        "WITH x AS (SELECT 1) UPDATE rows SET n = 1",
        "UPDATE rows r SET n = 1",
    ],
)
def test_what_is_not_plain_is_not_cut_into_batches(sql: str) -> None:
    """A statement over several tables is left to its author."""
    assert in_batches(sql, Name("", "rows"), "id") is None


_OF_PARTS = (
    "CREATE TABLE kinds (id integer PRIMARY KEY)",
    "CREATE TABLE events (id integer, day date, of integer, note text) PARTITION BY RANGE (day)",
    "CREATE INDEX events_note ON events (note) INCLUDE (id)",
    "CREATE TABLE first PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    "CREATE TABLE rest PARTITION OF events DEFAULT PARTITION BY LIST (of)",
    "CREATE TABLE rest_1 PARTITION OF rest FOR VALUES IN (1)",
    "CREATE TABLE rest_others PARTITION OF rest DEFAULT",
)


def test_indexes_of_partitions_below_partitions(database: Target) -> None:
    """Whatever builds an index of a partitioned table reaches all that it is made of."""
    made = {
        "column-type-rewrite": "ALTER TABLE events ALTER COLUMN note TYPE varchar(9)",
        "index-not-concurrent": "CREATE INDEX i ON events (of) INCLUDE (note)",
        "concurrently-on-partitioned": "CREATE INDEX CONCURRENTLY ON events (id)",
        "foreign-key-without-index": "ALTER TABLE events ADD FOREIGN KEY (of) REFERENCES kinds",
    }
    before = Migration(name="1", up=tuple(map(Statement, _OF_PARTS)), judged=False)
    with SyncConnection(database) as connection:
        for sql in _OF_PARTS:
            connection.execute(sql)
    for rule, sql in made.items():
        change = Migration(name="2", up=(Statement(sql),))
        linted = lint([before, change], schema=Schema(complete=True), server=18)
        (fix,) = [each.fix for each in linted.findings if each.rule == rule]
        assert fix is not None
        for code in fix.code.split(NEXT):
            deploy(database, code)
    with SyncConnection(database) as connection:
        whole = "SELECT count(*) FILTER (WHERE indisvalid), count(*) FROM pg_index"
        [row] = connection.fetch(f"{whole} WHERE indrelid = 'events'::regclass")
        assert tuple(row) == (4, 4)


@pytest.mark.parametrize("key", ["UNIQUE", "PRIMARY KEY"])
def test_nothing_stands_in_for_a_key_over_time(key: str) -> None:
    """No index built before can become it, and one over the same columns would say less."""
    sql = f"ALTER TABLE stays ADD CONSTRAINT once {key} (room, during WITHOUT OVERLAPS)"
    made = "CREATE TABLE stays (room integer NOT NULL, during daterange NOT NULL)"
    before = Migration(name="1", up=(Statement(made),), judged=False)
    linted = lint([before, Migration(name="2", up=(Statement(sql),))], schema=Schema(complete=True))
    (found,) = linted.findings
    assert found.rule.endswith("built-under-lock")
    assert found.fix is None
