"""Row estimates are judged only where the printed figures mean something."""

from collections.abc import Iterator

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.explain.estimates import Estimates
from dbtool.explain.facts import Facts, TableFacts
from tests.explain.plans import explained, find, node, plan


def off(root: dict[str, object], kind: str) -> float | None:
    """How far off the estimate of the one node of a kind is; None where it is not judged."""
    found = plan(root)
    estimate = Estimates(found).of(find(found, kind))
    return estimate.factor if estimate else None


def scan() -> dict[str, object]:
    """A scan that returned 5 of 5,000 expected rows."""
    return node("Seq Scan", rows=5, expected=5000)


@pytest.mark.parametrize(
    ("root", "factor"),
    [
        (node("Seq Scan", rows=5000, expected=50), 99.99),
        (node("Seq Scan", rows=50, expected=5000), 50.5 / 5000),
        (node("Seq Scan", rows=100, expected=100), 1.0),
        (node("Seq Scan", rows=0, expected=1), 1.0),
        (node("Seq Scan", rows=0, expected=1, loops=1000), 1.0),
        (node("Seq Scan", rows=1, expected=1.4, loops=10), 1.0),
        (node("Seq Scan", rows=0, expected=5000, loops=0), None),
        (node("BitmapAnd", rows=0, expected=5000), None),
    ],
)
def test_single_nodes(root: dict[str, object], factor: float | None) -> None:
    """Rounding to whole rows, the planner's minimum of one row, and what never ran."""
    assert off(root, str(root["Node Type"])) == pytest.approx(factor)


@pytest.mark.parametrize(
    "root",
    [
        node("Limit", scan()),
        node("Limit", node("Append", scan())),
        node("Nested Loop", node("Result"), scan(), Join_Type="Semi"),
        node("Nested Loop", node("Result"), scan(), Join_Type="Inner", Inner_Unique=True),
        node("Merge Join", scan(), node("Sort", node("Result"))),
        node("Result", node("Append", scan(), at="SubPlan", Subplan_Name="SubPlan 1")),
        node("Hash Join", scan(), node("Hash", node("Result", rows=0), rows=0)),
    ],
)
def test_nodes_that_were_cut_short_are_not_overestimated(root: dict[str, object]) -> None:
    """A node that was stopped early never had the chance to return what was expected."""
    assert off(root, "Seq Scan") is None


@pytest.mark.parametrize("between", ["Sort", "Hash", "Materialize"])
def test_nodes_that_read_everything_end_the_excuse(between: str) -> None:
    """Below a sort, a LIMIT above it stops nothing early."""
    assert off(node("Limit", node(between, scan())), "Seq Scan") == pytest.approx(5.5 / 5000)


def test_underestimates_below_a_limit_count() -> None:
    """More rows than expected came, although not even all were asked for."""
    root = node("Limit", node("Seq Scan", rows=5000, expected=5))
    assert off(root, "Seq Scan") == pytest.approx(999.9)


def test_workers_print_their_share() -> None:
    """Below a Gather the printed rows are per process, and so is the estimate."""
    scan = node("Seq Scan", rows=1000, expected=1250, loops=3, Parallel_Aware=True)
    assert off(node("Gather", scan, Workers_Planned=2), "Seq Scan") == 1.0
    few = node("Seq Scan", rows=10, expected=1250, loops=3, Parallel_Aware=True)
    assert off(node("Gather", few, Workers_Planned=2), "Seq Scan") == pytest.approx(31.5 / 3000)


def test_decimals_narrow_the_rounding() -> None:
    """PostgreSQL 18 prints two decimals; then a tenth of a row per loop is known to be one."""
    whole = node("Index Scan", rows=10, expected=10.4, loops=9)
    assert off(whole, "Index Scan") == 1.0
    exact = node("Index Scan", rows=10.0, expected=10.4, loops=9)
    assert off(exact, "Index Scan") == pytest.approx(10.005 / 10.4)


def test_real_parallel_plans_are_not_accused(naps: SyncConnection) -> None:
    """A fresh table's estimate is right with workers as without."""
    naps.execute(
        "BEGIN; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
        " SET LOCAL min_parallel_table_scan_size = 0"
    )
    try:
        found = explained(naps, "SELECT id FROM big WHERE k < 500")
    finally:
        naps.execute("ROLLBACK")
    estimate = Estimates(found).of(find(found, "Seq Scan", "big"))
    assert find(found, "Gather")
    assert estimate is not None
    assert estimate.off < 1.2


def test_tables_are_found_without_looking_through_all() -> None:
    """A plan of a thousand partitions asks for each of them."""
    names = [f"t_{place}" for place in range(1000)]
    tables = [TableFacts("s", name, "r", False, 1, 1, 0, 0, {}, ()) for name in names]
    asked: list[str] = []

    class Watched(tuple[TableFacts, ...]):
        def __iter__(self) -> Iterator[TableFacts]:
            asked.append("all")
            return super().__iter__()

    facts = Facts(tables=Watched(tables))
    assert [facts.table("s", name) for name in names] == tables
    assert facts.table("t", "t_1") is None
    assert len(asked) == 1
