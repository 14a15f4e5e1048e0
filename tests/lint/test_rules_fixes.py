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
