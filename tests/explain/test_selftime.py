"""Own times and own blocks: they sum to the whole, and stand where the time was spent."""

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.explain.plan import BLOCK_FIELDS, Plan
from dbtool.explain.selftime import Times, measure
from tests.explain.plans import ZERO_BLOCKS, explained, find, node, plan

SERIAL = [
    "SELECT * FROM few WHERE id > (SELECT nap(10, 0))",
    "SELECT * FROM few LIMIT (SELECT nap(10, 2))",
    "SELECT (SELECT nap(10, 1)), id FROM few ORDER BY id",
    "SELECT id, (SELECT nap(10, 1)) FROM few WHERE id < (SELECT nap(5, 100))",
    "SELECT * FROM few WHERE id < (SELECT max(id) FROM t WHERE id > (SELECT nap(5, 5)))",
    "WITH c AS MATERIALIZED (SELECT nap(2, id) AS id FROM few) SELECT * FROM c",
    "WITH c AS MATERIALIZED (SELECT nap(2, id) AS id FROM few)"
    " SELECT * FROM c a JOIN c b ON a.id = b.id",
    "WITH c AS MATERIALIZED (SELECT nap(2, id) AS id FROM few)"
    " SELECT (SELECT count(*) FROM c), id FROM c",
    "WITH c AS MATERIALIZED (SELECT nap(2, id) AS id FROM few), d AS MATERIALIZED"
    " (SELECT id FROM c WHERE id > 1) SELECT * FROM d JOIN few USING (id)",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT nap(1, n) + 1 FROM r WHERE n < 6)"
    " SELECT * FROM r",
    "SELECT id, (SELECT count(nap(1, k)) FROM t WHERE t.id = few.id) FROM few",
    "SELECT * FROM few WHERE id NOT IN (SELECT nap(1, id) FROM t WHERE id < 4)",
    "SELECT * FROM few, LATERAL (SELECT nap(1, t.id) FROM t WHERE t.k = few.id LIMIT 2) z",
    "SELECT nap(1, id) AS x FROM few ORDER BY x DESC",
    "SELECT k, count(*) FROM t GROUP BY k HAVING count(*) > (SELECT nap(5, 1))",
    "SELECT * FROM few a, few b WHERE nap(0.2, a.id) < b.id",
    "SELECT * FROM few WHERE false",
    "SELECT * FROM few JOIN t USING (id) WHERE few.id > 100",
    "SELECT nap(1, v) FROM (VALUES (1), (2)) q(v)",
    "SELECT count(*) FROM parted WHERE k = 3",
    "SELECT k, sum(id) OVER (PARTITION BY k) FROM t",
    "SELECT * FROM few EXCEPT SELECT id FROM t WHERE k = 2",
]

PARALLEL = [
    "SELECT count(*) FROM big WHERE p LIKE '%y%'",
    "SELECT count(nap(0.05, id)) FROM big WHERE k < 5",
    "SELECT count(*) FROM big a JOIN big b USING (id) WHERE a.k < 500",
    "SELECT id FROM big WHERE k = 3 ORDER BY p",
    "SELECT id FROM big WHERE p LIKE '%x%' LIMIT 5",
    "SELECT count(*) FROM big WHERE k < (SELECT nap(10, 500))",
    "SELECT count(*) FROM parted",
    "SELECT * FROM few, LATERAL (SELECT count(*) FROM big WHERE k = few.id) z",
    "SELECT count(*) FROM big WHERE k = (SELECT max(k) FROM t WHERE t.id = big.id % 3) AND k < 9",
]

PARALLEL_SETTINGS = (
    "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
    " SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 2"
)

ATTEMPTS = 20
"""A machine that stalls gives a node more time than it slept; a wrong rule does so each time."""


def conserves(found: Plan, times: Times) -> None:
    """Own times sum to the root's, and own blocks to the root's blocks."""
    bounds = sum(share.bound_ms for share in times.shares)
    assert sum(share.wall_ms for share in times.shares) == pytest.approx(times.total_ms, abs=bounds)
    assert all(share.consistent for share in times.shares)
    assert all(share.wall_ms >= 0 for share in times.shares)
    for name in BLOCK_FIELDS:
        own = [getattr(share.buffers, name) for share in times.shares]
        assert min(own) >= 0
        assert sum(own) == getattr(found.root.buffers, name)


@pytest.mark.parametrize("sql", SERIAL)
def test_shares_sum_to_the_whole(naps: SyncConnection, sql: str) -> None:
    """On one process, whatever InitPlans, CTEs and subqueries a plan has."""
    found = explained(naps, sql)
    conserves(found, measure(found))


@pytest.mark.parametrize("options", ["ANALYZE, VERBOSE, BUFFERS", "ANALYZE, BUFFERS"])
@pytest.mark.parametrize("sql", PARALLEL)
def test_parallel_shares_sum_to_the_whole(naps: SyncConnection, sql: str, options: str) -> None:
    """With several processes, whether the plan tells them apart or not."""
    naps.execute(f"BEGIN; {PARALLEL_SETTINGS}")
    try:
        found = explained(naps, sql, options)
    finally:
        naps.execute("ROLLBACK")
    conserves(found, measure(found))


@pytest.mark.parametrize(
    ("sql", "kind", "relation", "slept"),
    [
        ("SELECT nap(4, id) FROM few WHERE id > (SELECT nap(20, 0))", "Seq Scan", "few", 20),
        ("SELECT nap(4, id) FROM few WHERE id > (SELECT nap(20, 0))", "Result", "", 20),
        ("SELECT * FROM few LIMIT (SELECT nap(20, 2))", "Result", "", 20),
        ("SELECT * FROM few LIMIT (SELECT nap(20, 2))", "Seq Scan", "few", 0),
        ("SELECT (SELECT nap(20, 1)), id FROM few ORDER BY id", "Seq Scan", "few", 0),
        (
            "WITH c AS MATERIALIZED (SELECT nap(4, id) AS id FROM few) SELECT nap(2, id) FROM c",
            "CTE Scan",
            "",
            10,
        ),
        (
            "WITH c AS MATERIALIZED (SELECT nap(4, id) AS id FROM few) SELECT nap(2, id) FROM c",
            "Seq Scan",
            "few",
            20,
        ),
        (
            "SELECT id, (SELECT count(nap(4, k)) FROM t WHERE t.id = few.id) FROM few",
            "Aggregate",
            "",
            20,
        ),
        ("SELECT * FROM few a, t b WHERE b.id < 3 AND nap(2, a.id) > b.id", "Nested Loop", "", 20),
    ],
)
def test_time_stands_where_it_was_spent(
    naps: SyncConnection, sql: str, kind: str, relation: str, slept: float
) -> None:
    """Nodes that sleep for a known time are given that time, and others are not."""
    for _ in range(ATTEMPTS):
        found = explained(naps, sql)
        share = measure(found).of(find(found, kind, relation))
        assert slept <= share.wall_ms
        if share.wall_ms <= 2 * slept + 8:  # a busy machine sleeps longer than asked
            break
    else:
        pytest.fail(f"never less than {share.wall_ms} ms")


def test_elapsed_time_is_that_of_the_slowest_process() -> None:
    """Two scans of a parallel append, one per process: nobody waited for the shorter one."""
    worker = {"Worker Number": 0, "Actual Loops": 1, "Actual Rows": 1, "Actual Total Time": 79.0}
    long = node("Seq Scan", ms=159.0, at="Member")
    short = node("Seq Scan", ms=79.0, at="Member", Workers=[worker])
    both = {**worker, "Actual Total Time": 79.0}
    append = node("Append", long, short, ms=119.0, loops=2, Workers=[both])
    found = plan(node("Gather", append, ms=160.0))
    times = measure(found)
    assert [share.wall_ms for share in times.shares] == pytest.approx([1.0, 0.0, 159.0, 0.0])
    assert [share.busy_ms for share in times.shares] == pytest.approx([1.0, 0.0, 159.0, 79.0])


def test_without_worker_detail_time_is_divided_and_marked() -> None:
    """Participants are told by the loops: here the leader and one of two planned workers."""
    scan = node("Seq Scan", ms=50.0, loops=2)
    found = plan(node("Gather", scan, ms=60.0, Workers_Planned=2))
    gather, inner = measure(found).shares
    assert (gather.wall_ms, inner.wall_ms, inner.busy_ms) == pytest.approx((10.0, 50.0, 100.0))
    assert gather.approximate
    assert inner.approximate


def test_workers_that_outlive_their_gather_are_cut() -> None:
    """Below a LIMIT workers go on for a while; nobody waited for that."""
    scan = node("Seq Scan", ms=30.0, loops=3)
    found = plan(node("Limit", node("Gather", scan, ms=10.0), ms=11.0))
    assert [share.wall_ms for share in measure(found).shares] == pytest.approx([1.0, 0.0, 10.0])


def test_a_writing_cte_nobody_reads_is_outside() -> None:
    """It runs after the root has finished, so the root's time does not hold it."""
    written = node("ModifyTable", ms=50.0, at="InitPlan", Subplan_Name="CTE w")
    found = plan(node("Result", written, ms=1.0))
    times = measure(found)
    assert times.detached == (2,)
    assert times.total_ms == 1.0
    assert times.of(found.root).wall_ms == 1.0


def test_rounding_hides_and_is_said() -> None:
    """A million loops of 0.000 ms may have taken half a second; the bound says so."""
    inner = node("Index Scan", ms=0.0, loops=1_000_000)
    found = plan(node("Nested Loop", node("Seq Scan", ms=10.0), inner, ms=400.0))
    times = measure(found)
    assert times.of(found.nodes[2]).bound_ms == pytest.approx(500.0)
    assert times.of(found.root).bound_ms == pytest.approx(500.0, abs=0.01)


def test_contradictions_are_not_hidden() -> None:
    """A child that took longer than its parent, beyond rounding, stays negative and is marked."""
    times = measure(plan(node("Sort", node("Seq Scan", ms=20.0), ms=10.0)))
    assert times.shares[0].wall_ms == -10.0
    assert not times.shares[0].consistent


def test_an_init_plan_whose_number_is_part_of_another() -> None:
    """`$1` is not `$10`: the InitPlan belongs to the node that mentions its own number."""
    first = node("Result", ms=5.0, at="InitPlan", Subplan_Name="InitPlan 1 (returns $1)")
    other = node("Seq Scan", ms=90.0, at="Outer", Filter="(a = $10)")
    user = node("Index Scan", ms=6.0, at="Inner", Filter="(b = $1)")
    found = plan(node("Nested Loop", first, other, user, ms=100.0))
    times = measure(found)
    assert times.users == ((2, (4,)),)
    assert [share.wall_ms for share in times.shares] == pytest.approx([4.0, 5.0, 90.0, 1.0])


def test_plans_without_times_have_rows_and_blocks_only() -> None:
    """Under TIMING OFF nothing is invented."""
    blocks = {**ZERO_BLOCKS, "Shared Hit Blocks": 3}
    tree = node("Seq Scan", **{key.replace(" ", "_"): value for key, value in blocks.items()})
    del tree["Actual Total Time"], tree["Actual Startup Time"]
    found = plan(tree)
    (share,) = measure(found).shares
    assert not found.timed
    assert (share.wall_ms, share.buffers) == (0.0, found.root.buffers)


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_deep_and_wide_plans(count: int) -> None:
    """Thousands of nodes, one below the other or side by side, need no recursion."""
    deep: dict[str, object] = node("Seq Scan", ms=0.0)
    for place in range(1, count):
        deep = node("Materialize", deep, ms=place * 0.001)
    wide = node("Append", *(node("Seq Scan", ms=0.001) for _ in range(count)), ms=30.0)
    for tree in (deep, wide):
        found = plan(tree)
        assert sum(share.wall_ms for share in measure(found).shares) == pytest.approx(
            found.root.time
        )
