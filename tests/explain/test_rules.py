"""Each rule's page is true: what it calls bad is found, what it calls good is left alone."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import LockNotObtained
from dbtool.explain.analysis import Analysis, analyse
from dbtool.explain.examined import Examined
from dbtool.explain.facts import Facts, IndexFacts, TableFacts
from dbtool.explain.rules import (
    RULES,
    correlated_subplan,
    filter_after_index,
    full_page_images,
    hash_spill,
    heap_fetches,
    init_plan_dominates,
    jit_overhead,
    lossy_bitmap,
    nested_loop_repeats,
    offset_pagination,
    row_misestimate,
    rows_discarded,
    slow_planning,
    sort_spill,
    waited_for_lock,
    workers_not_launched,
)
from dbtool.explain.run import How, explain
from dbtool.finding import Finding, Severity, judge, rule_name
from dbtool.guard import Consent, Permission
from dbtool.sql.classify import Kind, classify
from dbtool.sql.script import Role, split
from tests.explain.plans import node, plan

_BLOCK = re.compile(r"^(Bad|Good):\n```sql\n(.*?)```", re.S | re.M)
_EXAMPLES = [
    pytest.param(rule, kind, sql, id=f"{rule_name(rule.__name__)}-{kind}")
    for rule in RULES
    for kind, sql in _BLOCK.findall(rule.__doc__ or "")
]

TIMED = [
    rule for rule in RULES if any(hasattr(rule, each) for each in ("LEAST_SHARE", "LEAST_TIME"))
]
"""The rules that go by how long something took."""


def found_by(rule: ModuleType, analysis: Analysis) -> list[Finding]:
    """What one rule says."""
    findings, _ = judge([rule], analysis)
    return list(findings)


def test_every_rule_has_both_examples() -> None:
    """A page without a bad and a good block cannot be checked."""
    for rule in RULES:
        kinds = [kind for kind, _ in _BLOCK.findall(rule.__doc__ or "")]
        assert sorted(set(kinds)) == ["Bad", "Good"], rule.__name__
        assert "Why:" in (rule.__doc__ or "")
        assert "When:" in (rule.__doc__ or "")


WRITES = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE})


_GIVEN = re.compile(r"^-- \$1 = (\S+)$", re.M)
_RUNS = re.compile(r"^-- --runs (\d+)$", re.M)


def run(shop: Target, query: str, example: str = "") -> Examined:
    """A statement explained on its server, with the value or runs its example speaks of."""
    values, runs = tuple(_GIVEN.findall(example)), _RUNS.findall(example)
    how = How(parameters=values, generic=bool(values), runs=int(runs[0]) if runs else 1)
    (examined,) = explain(shop, query, how=how).statements
    return examined


def written(shop: Target, query: str) -> Examined:
    """A statement that writes, carried out and rolled back."""
    agreed = Permission(Consent(yes=True))
    (examined,) = explain(shop, query, how=How(writes=True), permission=agreed).statements
    return examined


@contextmanager
def whole_pages(connection: SyncConnection) -> Iterator[None]:
    """Pages are logged whole, which throwaway servers leave out."""
    for value in ("on", "off"):
        connection.execute(f"ALTER SYSTEM SET full_page_writes = {value}")
        connection.execute("SELECT pg_reload_conf()")
        # The checkpointer takes the setting over; the checkpoint it then writes tells.
        while connection.fetchval(
            f"SELECT full_page_writes <> '{value}' FROM pg_control_checkpoint()"
        ):
            connection.execute("CHECKPOINT")
        if value == "on":
            yield


@contextmanager
def locked(shop: Target) -> Iterator[None]:
    """Another session holds a lock on the shops, until somebody has waited for it a while."""
    with SyncConnection(shop) as other:
        other.execute("BEGIN; LOCK TABLE shops")
        over = threading.Event()
        waits = "SELECT max(clock_timestamp() - waitstart) > interval '0.6 s' FROM pg_locks"

        def release() -> None:
            while not (over.is_set() or other.fetchval(waits)):
                time.sleep(0.02)
            other.execute("ROLLBACK")

        thread = threading.Thread(target=release)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(("rule", "kind", "sql"), _EXAMPLES)
def test_examples(shop: Target, rule: ModuleType, kind: str, sql: str) -> None:
    """The last statement of a bad block triggers its rule on a real server, of a good one not."""
    *before, query = [piece.text for piece in split(sql) if piece.role is Role.STATEMENT]
    with SyncConnection(shop) as connection:
        if rule is jit_overhead and not connection.fetchval("SELECT pg_jit_available()"):
            pytest.skip("this server was built without LLVM")
        # VACUUM can mark a page only when the commits on it have reached the disk.
        connection.execute("SET synchronous_commit = on")
        for statement in before:
            own = statement.startswith("SET ")
            connection.execute(f"ALTER DATABASE own_shop {statement}" if own else statement)
        surroundings = ExitStack()
        if rule is full_page_images:
            surroundings.enter_context(whole_pages(connection))
        waits = rule is waited_for_lock and kind == "Bad"
        rules: list[str] = []
        with surroundings:
            # How long things take is the machine's affair: one run as they say will do. Where
            # another node stalls, what is bad takes too little of the time to be told.
            for _ in range(10 if rule in TIMED or kind == "Bad" else 1):
                writes = classify(query) in WRITES
                with ExitStack() as around:
                    if waits:
                        # A machine that stalls keeps the lock for longer than is waited for it.
                        around.enter_context(suppress(LockNotObtained))
                        around.enter_context(locked(shop))
                    examined = written(shop, query) if writes else run(shop, query, sql)
                    rules = [finding.rule for finding in examined.findings]
                if (rule_name(rule.__name__) in rules) == (kind == "Bad"):
                    break
    assert (rule_name(rule.__name__) in rules) == (kind == "Bad"), rules


QUIET = [
    "SELECT * FROM orders WHERE id = 7",
    "SELECT * FROM orders WHERE id BETWEEN 100 AND 200 ORDER BY id",
    "SELECT * FROM orders ORDER BY placed_at DESC LIMIT 20",
    "SELECT shop_id, count(*), sum(total) FROM orders GROUP BY shop_id",
    "SELECT count(*) FROM orders WHERE total > 1",
    "SELECT * FROM orders WHERE courier LIKE 'courier 99%' LIMIT 10",
    "SELECT s.name, o.total FROM shops s JOIN orders o ON o.shop_id = s.id WHERE o.id < 50",
    "SELECT * FROM shops WHERE name = 'shop 7'",
    "SELECT * FROM shops s WHERE EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = s.id)",
    "SELECT * FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE id < 100)",
    "SELECT * FROM orders WHERE id IN (1, 5, 7, 90) AND shop_id > 0",
    "SELECT * FROM customers c LEFT JOIN orders o ON o.id = c.id WHERE c.id < 10",
    "SELECT * FROM generate_series(1, 1000) g",
    "WITH few AS (SELECT id FROM orders LIMIT 5) SELECT * FROM orders JOIN few USING (id)",
    "SELECT * FROM orders WHERE false",
    "SELECT id, row_number() OVER (ORDER BY id) FROM shops",
    "SELECT 1",
]


@pytest.mark.parametrize("sql", QUIET)
def test_good_plans_are_left_alone(open_shop: Target, sql: str) -> None:
    """Plans nobody would change have no finding of any rule."""
    timed = {rule_name(rule.__name__) for rule in TIMED}
    for _ in range(10):  # a machine that stalls while it plans is told as slow planning
        (examined,) = explain(open_shop, sql).statements
        assert {finding.rule for finding in examined.findings} <= timed
        assert examined.unknowns == ()
        if not examined.findings:
            break
    assert examined.findings == ()


def scan(**more: object) -> dict[str, object]:
    """A scan of 100,000 rows that keeps ten."""
    defaults = {
        "ms": 50.0,
        "rows": 10,
        "expected": 10,
        "Relation_Name": "t",
        "Schema": "public",
        "Alias": "t",
        "Filter": "(t.a = 1)",
        "Rows_Removed_by_Filter": 99_990,
    }
    return node("Seq Scan", **(defaults | more))  # type: ignore[arg-type]


def table(**more: object) -> Facts:
    """What the catalog says about that table."""
    defaults: dict[str, object] = {
        "schema": "public",
        "name": "t",
        "kind": "r",
        "partition": False,
        "rows": 100_000.0,
        "pages": 1000,
        "all_visible": 1000,
        "modified": 0,
        "columns": {"a": "integer", "b": "text"},
        "indexes": (),
    }
    return Facts(version=18, tables=(TableFacts(**(defaults | more)),))  # type: ignore[arg-type]


def test_the_finding_ends_with_the_index() -> None:
    """Title, evidence and the statement to run, in the names of the plan."""
    (finding,) = found_by(rows_discarded, analyse(plan(scan()), table()))
    assert finding.title == "t: 100,000 rows read to keep 10"
    assert finding.evidence == (
        "the scan took 50.0 ms, 100 % of the time; the condition is (t.a = 1)",
        'in the model: Index("ix_t_a", "a")',
        "in the revision, inside op.get_context().autocommit_block():"
        ' op.create_index("ix_t_a", "t", ["a"], postgresql_concurrently=True)',
    )
    assert finding.fix is not None
    assert finding.fix.code == "CREATE INDEX CONCURRENTLY ix_t_a ON public.t (a);"


@pytest.mark.parametrize(
    ("condition", "keys"),
    [("(t.a = 1)", '"a"'), ("(lower(t.b) = 'x'::text)", 'sa.text("lower(b)")')],
)
def test_the_operation_names_a_schema(condition: str, keys: str) -> None:
    """Alembic would look for the table of another schema in public."""
    seen = scan(Schema="sales", Filter=condition)
    (finding,) = found_by(rows_discarded, analyse(plan(seen), table(schema="sales")))
    assert f'"t", [{keys}], schema="sales", postgresql_concurrently=True)' in finding.evidence[-1]


INDEX = IndexFacts("t_a", "btree", ("a",), unique=False, valid=True, predicate="")
SEARCHED = "(t.b ~~ '%zz%'::text)"


@pytest.mark.parametrize(
    ("facts", "condition", "reason"),
    [
        (
            table(indexes=(INDEX,)),
            "(t.a = 1)",
            "the index t_a would serve; the planner expected it to be slower",
        ),
        (
            table(indexes=(IndexFacts("t_a", "btree", ("a",), False, False, ""),)),
            "(t.a = 1)",
            "the index t_a would serve, but is invalid: REINDEX it",
        ),
        (
            table(indexes=(IndexFacts("t_a", "btree", ("a",), False, True, "(b = 'x'::text)"),)),
            "(t.a = 1)",
            "the index t_a holds only rows with (b = 'x'::text)",
        ),
        (
            table(),
            "((t.a)::numeric = 1.5)",
            "a (integer) is compared as numeric, which no index on it serves: pass its own type",
        ),
        (
            table(),
            "(random() < '0.5'::double precision)",
            "no part of the condition compares a plain column of the table",
        ),
        (
            table(),
            "((t.b ~~ '%x%'::text) OR (t.a = 1))",
            "its sides are joined by OR: an index helps only where each side has one",
        ),
        (
            table(),
            "((t.a)::date = '2026-02-28'::date)",
            "a (integer) is compared as date, which no index on it serves:"
            " write a >= '2026-02-28' AND a < '2026-03-01'",
        ),
        (table(), "(t.b ~~ 'x%'::text)", "a plain index does not serve the operator ~~"),
        (
            table(columns={"b": "citext"}),
            "(t.b ~~ '%x%'::text)",
            "a plain index does not serve the operator ~~",
        ),
        *(
            (
                table(**more),
                condition,
                "a plain index does not serve the operator ~~; a trigram index may, which --advise"
                " tries where the extension pg_trgm is installed: CREATE INDEX … USING gin"
                " (b gin_trgm_ops)",
            )
            for more, condition in (
                ({}, "(t.b ~~ '%x%'::text)"),
                ({"columns": {"b": "character varying"}}, "((t.b)::text ~~ '%x%'::text)"),
                ({"indexes": (replace(INDEX, method="gin"),)}, "(t.b ~~ '%x%'::text)"),
                ({"indexes": (replace(INDEX, columns=("b",)),)}, "(t.b ~~ '%x%'::text)"),
            )
        ),
        *(
            (table(**more), condition, "a plain index does not serve the operator ~~")
            for more, condition in (
                ({"columns": {}}, "(t.b ~~ '%x%'::text)"),
                ({"columns": {"b": "character"}}, "(t.b ~~ '%x%'::text)"),
                ({"columns": {"b": "bytea"}}, "(t.b ~~ '%x%'::bytea)"),
                ({}, "(((t.b)::character varying(9))::text ~~ '%x%'::text)"),
                ({"indexes": (replace(INDEX, method="gin", columns=("b",)),)}, SEARCHED),
                ({"indexes": (replace(INDEX, method="gist", columns=("a", "b")),)}, SEARCHED),
                ({"indexes": (replace(INDEX, method="gin", columns=("",)),)}, SEARCHED),
            )
        ),
        (
            table(partition=True),
            "(t.a = 1)",
            "an index on (a) would serve; the table is partitioned: create it ON ONLY the parent,"
            " then on each partition with CONCURRENTLY, and attach these to it",
        ),
        (
            table(partition=True),
            "(lower(t.b) = 'x'::text)",
            "an index on (lower(b)) would serve; the table is partitioned: create it ON ONLY the"
            " parent, then on each partition with CONCURRENTLY, and attach these to it",
        ),
        (
            table(partition=True, foreign=True),
            "(t.a = 1)",
            "an index on (a) would serve; the table has a foreign table as a partition, where"
            " PostgreSQL creates no index: one ON ONLY the parent would stay invalid; the local"
            " partitions can be indexed one by one",
        ),
        (
            table(kind="p", foreign=True),
            "(t.a = 1)",
            "an index on (a) would serve; the table has a foreign table as a partition, where"
            " PostgreSQL creates no index: one ON ONLY the parent would stay invalid; the local"
            " partitions can be indexed one by one",
        ),
    ],
)
def test_no_index_is_proposed_where_none_helps(facts: Facts, condition: str, reason: str) -> None:
    """The finding says why instead."""
    (finding,) = found_by(rows_discarded, analyse(plan(scan(Filter=condition)), facts))
    assert finding.fix is None
    assert finding.evidence[-1] == reason


@pytest.mark.parametrize(
    "root",
    [
        scan(Rows_Removed_by_Filter=9_000),
        scan(rows=20_000, expected=20_000, Rows_Removed_by_Filter=80_000),
        scan(loops=0, rows=0),
        node("Append", scan(ms=1.0, at="Member"), node("Seq Scan", ms=99.0, at="Member"), ms=100.0),
        node("Index Scan", rows=1000, expected=1000, Filter="(a)", Rows_Removed_by_Filter=3000),
        node("Index Scan", ms=50.0, rows=1, Filter="(a = 1)", Rows_Removed_by_Filter=900),
        node("Index Only Scan", ms=9.0, rows=100_000, expected=100_000, Heap_Fetches=900),
        node("Sort", node("Seq Scan"), ms=9.0, Sort_Space_Type="Memory", Sort_Space_Used=99),
        node("Hash Join", node("Seq Scan"), node("Hash", node("Seq Scan"), Hash_Batches=1)),
        node("Limit", node("Seq Scan", rows=900, expected=900), rows=10, expected=10),
        node("Limit", node("Seq Scan", rows=5000, expected=5000), rows=4000, expected=4000),
        node("Gather", node("Seq Scan"), Workers_Planned=2, Workers_Launched=2),
        node("Bitmap Heap Scan", Exact_Heap_Blocks=1000, Lossy_Heap_Blocks=90),
        node("Seq Scan", node("Aggregate", ms=0.01, loops=5000, at="SubPlan"), ms=600.0),
        node("Seq Scan", node("Aggregate", ms=1.0, loops=90, at="SubPlan"), ms=100.0),
        node(
            "Nested Loop",
            node("Seq Scan", rows=5000, expected=4000),
            node("Index Scan", ms=0.01, loops=5000),
            ms=60.0,
        ),
    ],
)
def test_what_is_just_below_a_threshold_is_quiet(root: dict[str, object]) -> None:
    """Rules begin where their pages say."""
    findings, unknowns = judge(RULES, analyse(plan(root), table()))
    assert (findings, unknowns) == ((), ())


SPILLED_GROUPS: dict[str, Any] = {
    "Full-sort Groups": {"Sort Space Memory": {"Peak Sort Space Used": 9}},
    "Pre-sorted Groups": {"Sort Space Disk": {"Peak Sort Space Used": 700}},
}


@pytest.mark.parametrize(
    ("rule", "root", "title", "fix"),
    [
        (
            filter_after_index,
            node(
                "Index Scan",
                ms=50.0,
                rows=10,
                Relation_Name="t",
                Alias="t",
                Index_Cond="(t.a = 1)",
                Filter="(t.b > 'x'::text)",
                Rows_Removed_by_Filter=9_990,
            ),
            "t: an index finds 10,000 rows, a filter keeps 10",
            "CREATE INDEX CONCURRENTLY ix_t_a_b ON t (a, b);",
        ),
        (
            nested_loop_repeats,
            node(
                "Nested Loop",
                node("Seq Scan", rows=2000, expected=2000),
                node(
                    "Materialize",
                    node("Seq Scan", rows=1000, Relation_Name="t", Alias="t"),
                    ms=0.1,
                    loops=2000,
                    rows=1000,
                    expected=1000,
                ),
                ms=400.0,
                Join_Filter="(o.id = t.a)",
                Rows_Removed_by_Join_Filter=1_999_999,
            ),
            "a nested loop runs its inner side 2,000 times: 50 % of the time",
            "CREATE INDEX CONCURRENTLY ix_t_a ON t (a);",
        ),
        (
            heap_fetches,
            node("Index Only Scan", rows=9000, expected=9000, Relation_Name="t", Heap_Fetches=3000),
            "t: an index-only scan fetched 3,000 rows from the table (33 %)",
            "VACUUM (ANALYZE) t;",
        ),
        (
            sort_spill,
            node(
                "Sort",
                node("Seq Scan"),
                ms=90.0,
                Sort_Key=["t.a"],
                Sort_Space_Type="Disk",
                Sort_Space_Used=5000,
            ),
            "a sort wrote 5000kB to disk",
            "SET LOCAL work_mem = '16MB';",
        ),
        (
            sort_spill,
            node(
                "Incremental Sort",
                node("Seq Scan"),
                ms=90.0,
                Sort_Key=["t.a"],
                **SPILLED_GROUPS,
            ),
            "a sort wrote 700kB to disk",
            "SET LOCAL work_mem = '4MB';",
        ),
        (
            hash_spill,
            node("Aggregate", ms=9.0, HashAgg_Batches=5, Peak_Memory_Usage=900, Disk_Usage=9000),
            "a hash aggregate ran in 5 batches on disk",
            "SET LOCAL work_mem = '16MB';",
        ),
        (
            lossy_bitmap,
            node("Bitmap Heap Scan", Relation_Name="t", Exact_Heap_Blocks=9, Lossy_Heap_Blocks=91),
            "t: 91 % of the bitmap's pages are lossy",
            "SET LOCAL work_mem = '1MB';",
        ),
        (
            offset_pagination,
            node(
                "Limit",
                node("Sort", node("Seq Scan"), rows=5010, Sort_Key=["t.at DESC", "t.id DESC"]),
                rows=10,
            ),
            "OFFSET reads 5,000 rows and discards them to return 10",
            "-- the values are those of the last row of the page before\n"
            "WHERE (t.at, t.id) < ($1, $2) ORDER BY t.at DESC, t.id DESC LIMIT …",
        ),
        (
            workers_not_launched,
            node("Gather", node("Seq Scan"), Workers_Planned=4, Workers_Launched=1),
            "1 of 4 planned workers started",
            None,
        ),
        (
            correlated_subplan,
            node("Seq Scan", node("Aggregate", ms=0.5, loops=200, at="SubPlan"), ms=150.0),
            "the subquery ran 200 times: 67 % of the time",
            None,
        ),
    ],
)
def test_what_rules_say(
    rule: ModuleType, root: dict[str, object], title: str, fix: str | None
) -> None:
    """The title states the figures, the fix can be pasted."""
    (finding,) = found_by(rule, analyse(plan(root)))
    assert finding.title == title
    assert (finding.fix.code if finding.fix else None) == fix


@pytest.mark.parametrize(("above", "told"), [("Result", 0), ("Aggregate", 1)])
def test_a_statement_that_is_its_subqueries_is_told_nothing(above: str, told: int) -> None:
    """Nobody can spare it them; `SELECT max(id)` has one that nobody wrote."""
    inner = node("Aggregate", ms=90.0, at="InitPlan", Subplan_Name="InitPlan 1")
    root = node(above, inner, ms=91.0, Output=["(InitPlan 1).col1"])
    assert len(found_by(init_plan_dominates, analyse(plan(root)))) == told


def test_compiling_that_dominates() -> None:
    """JIT is judged by its share of the execution, whatever nodes the plan has."""
    jit = {"Functions": 12, "Timing": {"Total": 120.0}}
    (finding,) = found_by(
        jit_overhead, analyse(plan(node("Result"), Execution_Time=400.0, JIT=jit))
    )
    assert finding.title == "compiling took 120 ms, 30 % of the execution"
    assert not found_by(jit_overhead, analyse(plan(node("Result"), Execution_Time=700.0, JIT=jit)))


def test_planning_that_dominates() -> None:
    """Planning is judged against the whole time."""
    slow = plan(node("Result"), Planning_Time=80.0, Execution_Time=20.0)
    (finding,) = found_by(slow_planning, analyse(slow))
    assert finding.title == "planning took 80.0 ms, running it 20.0 ms"
    quick = plan(node("Result"), Planning_Time=80.0, Execution_Time=90.0)
    assert not found_by(slow_planning, analyse(quick))


def test_a_misestimate_is_told_where_it_begins() -> None:
    """Only the lowest node is named, with the join that was chosen on its estimate."""
    low = scan(rows=5000, expected=10, Filter="((t.a = 1) AND (t.b = 'x'::text))")
    root = node("Sort", node("Nested Loop", low, node("Index Scan"), rows=5000, expected=10))
    (finding,) = found_by(row_misestimate, analyse(plan(root), table()))
    assert finding.title == "t: 10 rows expected, 5,000 came (500 times more)"
    assert finding.severity is Severity.WARNING
    assert finding.evidence == (
        "the condition is ((t.a = 1) AND (t.b = 'x'::text))",
        "the planner takes the conditions as independent",
        "Nested Loop (#2) was chosen on that estimate",
    )
    assert finding.fix is not None
    assert finding.fix.code == (
        "CREATE STATISTICS st_t_a_b (dependencies, mcv) ON a, b FROM public.t;\nANALYZE public.t;"
    )


def test_misestimated_partitions_are_told_once() -> None:
    """By the one that is furthest off: a table may have hundreds of them."""
    parts = [
        {**scan(rows=rows, expected=10), "Relation Name": name, "Parent Relationship": "Member"}
        for name, rows in (("p_1", 500), ("p_2", 5000), ("p_3", 400), ("p_4", 10))
    ]
    root = node("Hash Join", node("Append", *parts, rows=5910, expected=40), node("Hash"))
    (finding,) = found_by(row_misestimate, analyse(plan(root)))
    assert finding.title == "p_2: 10 rows expected, 5,000 came (500 times more)"
    assert finding.evidence[-1] == "2 more nodes beside it are off as well"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (table(rows=-1.0), "t was never analysed"),
        (table(modified=20_000), "t changed much since it was last analysed"),
    ],
)
def test_stale_statistics_come_first(facts: Facts, why: str) -> None:
    """Before anything cleverer the table is analysed."""
    (finding,) = found_by(row_misestimate, analyse(plan(scan(rows=5000)), facts))
    assert why in finding.evidence
    assert finding.fix is not None
    assert finding.fix.code == "ANALYZE public.t;"
    assert finding.severity is Severity.NOTE


def test_an_index_on_an_expression() -> None:
    """A function of one column that is compared can be indexed as it stands."""
    (finding,) = found_by(
        rows_discarded, analyse(plan(scan(Filter="(lower((t.b)::text) = 'x'::text)")), table())
    )
    assert finding.fix is not None
    assert finding.fix.code == "CREATE INDEX CONCURRENTLY ix_t_lower_b ON public.t (lower(b));"


def test_a_number_compared_as_text_is_no_plain_cast(open_shop: Target) -> None:
    """Its index cannot serve, whatever the planner expects of it."""
    found = run(open_shop, "SELECT * FROM orders WHERE id::text = '42'").findings
    assert found[0].rule == "cast-hides-index"
    assert found[0].evidence[-1] == (
        "id (integer) is compared as text, which no index on it serves: pass its own type"
    )
