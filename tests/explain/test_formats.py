"""Plans in every format EXPLAIN prints, framed by psql or logged by a server, read alike."""

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.explain import offline
from dbtool.explain.plan import Plan
from dbtool.explain.selftime import measure
from dbtool.explain.source import read
from dbtool.explain.wording import label
from dbtool.scratch.binaries import client
from tests.conftest import MAJOR
from tests.explain.test_selftime import PARALLEL, PARALLEL_SETTINGS, SERIAL, conserves
from tests.explain.test_source import KINDS

SAME = ("Filter", "Output", "Index Cond", "Recheck Cond", "Hash Cond", "Sort Key", "Join Filter")
ODD = (
    'CREATE TABLE "odd (t) -> 1" ("a b" int, v text)',
    'CREATE INDEX "odd (idx) -> 1" ON "odd (t) -> 1" ("a b")',
    'INSERT INTO "odd (t) -> 1" SELECT g FROM generate_series(1, 3000) g',
    'ANALYZE "odd (t) -> 1"',
)
ODD_QUERIES = (
    'SELECT * FROM "odd (t) -> 1" x WHERE "a b" = 7',
    "SELECT * FROM \"odd (t) -> 1\" WHERE v = E'Filter: (x)\n  ->  Seq Scan on t\n(cost'",
    "SELECT * FROM \"odd (t) -> 1\" WHERE v = 'it''s (cost=1..2 rows=1 width=1)'",
    'WITH "my cte" AS MATERIALIZED (SELECT 1 AS a) SELECT * FROM "my cte" y, "my cte" z',
)


def seen(plan: Plan) -> list[tuple[object, ...]]:
    """What every format tells of each node."""
    return [
        (
            *(node.parent, label(node), node.relationship, node.total_cost, node.plan_rows),
            *(node.props.get(key) for key in SAME),
        )
        for node in plan.nodes
    ]


def printed(connection: SyncConnection, query: str, options: str) -> str:
    """What EXPLAIN prints, line by line."""
    rows = connection.fetch(f"EXPLAIN ({options}) {query}")
    return "\n".join(str(row[0]) for row in rows)


@pytest.fixture(scope="module")
def parallel(naps: SyncConnection) -> Iterator[SyncConnection]:
    """The sleepers' database with workers allowed for small tables, all in one transaction."""
    naps.execute(f"BEGIN; {PARALLEL_SETTINGS}")
    for statement in ODD:
        naps.execute(statement)
    yield naps
    naps.execute("ROLLBACK")


@pytest.mark.parametrize("form", ["TEXT", "YAML", "XML"])
def test_all_formats_are_the_same_plan(parallel: SyncConnection, form: str) -> None:
    """Names, tree, costs and conditions are those of the JSON format."""
    for query in (*KINDS, *SERIAL, *PARALLEL, *ODD_QUERIES):
        (wanted,) = read(printed(parallel, query, "VERBOSE, FORMAT JSON"), "stdin")
        (found,) = read(printed(parallel, query, f"VERBOSE, FORMAT {form}"), "stdin")
        assert seen(found) == seen(wanted), query


@pytest.mark.parametrize("query", [*SERIAL[:8], *PARALLEL[:4]])
@pytest.mark.parametrize("form", ["TEXT", "YAML", "XML"])
def test_what_ran_is_attributed(parallel: SyncConnection, form: str, query: str) -> None:
    """Times, loops, workers and blocks of a plan in any format sum up as those in JSON do."""
    (found,) = read(printed(parallel, query, f"ANALYZE, VERBOSE, BUFFERS, FORMAT {form}"), "stdin")
    assert found.timed
    assert found.execution_ms is not None
    conserves(found, measure(found))


PSQL = (
    *("", "\\pset border 2", "\\a", "\\x on", "\\pset linestyle unicode \\pset border 2"),
    *("\\pset format csv", "\\pset format wrapped \\pset columns 40"),
    "\\pset format wrapped \\pset columns 40 \\pset linestyle unicode \\pset border 2",
)


@pytest.mark.parametrize("form", ["TEXT", "JSON"])
@pytest.mark.parametrize("setting", PSQL)
def test_what_psql_draws_around_a_plan(database: Target, setting: str, form: str) -> None:
    """Borders, line marks, titles and row counts come off."""
    script = f"{setting}\nEXPLAIN (FORMAT {form}) SELECT * FROM pg_class WHERE oid = 1 ORDER BY 2;"
    psql = str(client("psql", MAJOR))
    environment = database.libpq_environment(os.environ)
    ran = subprocess.run(
        (psql, "-X", "-q"),
        input=script,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (plan,) = read(ran.stdout, "stdin")
    assert [node.kind for node in plan.nodes] == ["Sort", "Index Scan"]
    assert plan.nodes[1].text("Index Cond") == "(oid = '1'::oid)"


TEXT = """\
Nested Loop  (cost=0.29..2.00 rows=1 width=4) (actual time=0.010..9.000 rows=2 loops=1)
  InitPlan 1 (returns $0)
    ->  Result  (cost=0.00..0.01 rows=1 width=4) (actual time=4.000..4.000 rows=1 loops=1)
  ->  Seq Scan on public.orders o  (cost=0.00..1.00 rows=9 width=4) (actual time=0.010..5.000 rows=2 loops=1)
        Filter: (o.customer_id = $0)
        Rows Removed by Filter: 59998
        Buffers: shared hit=10 read=5
        I/O Timings: shared read=1.500
  ->  Sort  (cost=0.29..0.50 rows=1 width=4) (actual time=1.500..1.500 rows=1 loops=2)
        Sort Key: c.name, (lower(c.a, ', ')) DESC
        Sort Method: external merge  Disk: 1234kB
        ->  Hash  (cost=0.00..1.00 rows=1 width=4) (never executed)
              Buckets: 2048 (originally 1024)  Batches: 4 (originally 1)  Memory Usage: 900kB
Planning:
  Buffers: shared hit=3
Planning Time: 0.250 ms
JIT:
  Functions: 4
  Options: Inlining false, Optimization false, Expressions true, Deforming true
  Timing: Generation 0.500 ms, Inlining 0.000 ms, Optimization 0.250 ms, Emission 2.000 ms, Total 2.750 ms
Trigger slow_one on orders: time=1.500 calls=3
Trigger for constraint fk: time=2.500 calls=1
Execution Time: 9.500 ms
"""  # noqa: E501 - as a server prints it


def test_what_text_says() -> None:
    """Each kind of line stands under the key it has in the JSON format."""
    (plan,) = read(TEXT, "stdin")
    loop, init, scan, sort, hashed = plan.nodes
    assert (init.relationship, init.subplan) == ("InitPlan", "InitPlan 1 (returns $0)")
    assert measure(plan).users == ((2, (3,)),)
    assert (scan.qualified, scan.alias, scan.number("Rows Removed by Filter")) == (
        *("public.orders", "o", 59998),
    )
    assert scan.buffers is not None
    assert (scan.buffers.shared_hit, scan.buffers.shared_read) == (10, 5)
    assert scan.number("Shared I/O Read Time") == 1.5
    assert sort.texts("Sort Key") == ("c.name", "(lower(c.a, ', ')) DESC")
    assert (sort.text("Sort Space Type"), sort.number("Sort Space Used")) == ("Disk", 1234)
    assert (sort.relationship, sort.parent, hashed.parent) == ("Inner", loop.id, sort.id)
    assert (hashed.number("Hash Batches"), hashed.number("Original Hash Batches")) == (4, 1)
    assert not hashed.executed
    assert (plan.planning_ms, plan.execution_ms) == (0.25, 9.5)
    assert plan.props["JIT"] == {
        "Functions": 4,
        "Options": "Inlining false, Optimization false, Expressions true, Deforming true",
        "Timing": {
            **{"Generation": 0.5, "Inlining": 0.0, "Optimization": 0.25, "Emission": 2.0},
            "Total": 2.75,
        },
    }
    assert [(each.name, each.constraint, each.calls) for each in plan.triggers] == [
        *(("slow_one", "", 3), ("", "fk", 1)),
    ]


LOG = """\
2026-01-02 03:04:05 UTC [7] LOG:  connection received
2026-01-02 03:04:06 UTC [7] LOG:  duration: 9.123 ms  plan:
\tQuery Text: SELECT *
\t  FROM orders
{text}2026-01-02 03:04:07 UTC [8] ERROR:  something else
2026-01-02 03:04:08 UTC [7] LOG:  duration: 1.000 ms  plan:
\t{{
\t  "Query Text": "SELECT 2",
\t  "Plan": {{"Node Type": "Result", "Actual Rows": 1, "Actual Loops": 1}}
\t}}
2026-01-02 03:04:09 UTC [7] LOG:  disconnection
"""


def test_what_auto_explain_logged() -> None:
    """Each plan between the other lines of a log is a statement with its query."""
    indented = "".join(f"\t{line}\n" for line in TEXT.splitlines())
    found = offline.examine(LOG.format(text=indented), "stdin").statements
    assert [each.sql for each in found] == ["SELECT *\n  FROM orders", "SELECT 2"]
    assert [len(each.plan.nodes) for each in found] == [5, 1]


@pytest.mark.parametrize("form", ["TEXT", "JSON", "YAML", "XML"])
def test_what_a_client_is_told_by_auto_explain(naps: SyncConnection, form: str) -> None:
    """Nothing marks the lines that go on, and other messages stand between the plans."""
    told: list[str] = []

    def hear(_: object, message: Any) -> None:
        told.append(f"LOG:  {message.message}\n")

    driver = naps.connection
    driver.add_log_listener(hear)
    settings = f"log_format = {form}; SET auto_explain.log_analyze = on"
    try:
        naps.execute(
            f"BEGIN; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;"
            f" SET auto_explain.{settings}; SET client_min_messages = log"
        )
        naps.execute("SELECT id\nFROM few WHERE id > 3")
    finally:
        naps.execute("ROLLBACK")
        driver.remove_log_listener(hear)
    text = f"NOTICE:  hello\n{''.join(told)}NOTICE:  done\n"
    found = offline.examine(text, "stdin").statements
    assert found[-1].sql == "SELECT id\nFROM few WHERE id > 3"
    assert found[-1].plan.nodes[0].rows == 2


def test_several_plans_in_text() -> None:
    """One after the other, as a script prints them."""
    assert len(read(TEXT + "\n" + TEXT, "stdin")) == 2


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><explain/>", "with declarations of its own"),
        ("<explain><Query><Plan>", "it is not XML"),
        ("<Query><a>1</a></Query>", 'there is no "Plan" where EXPLAIN puts one'),
        ('- Plan:\n    Node Type: "Sort', "it is not YAML as EXPLAIN prints it"),
    ],
)
def test_broken_plans_are_told(text: str, detail: str) -> None:
    """What begins like a format and is none says so."""
    with pytest.raises(UsageError, match="stdin holds no plan") as caught:
        read(text, "stdin")
    assert detail in caught.value.detail
