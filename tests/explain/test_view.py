"""What a reader sees: the verdict first, one line per node, findings tied to nodes."""

from dataclasses import replace

from dbtool.explain.analysis import analyse
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.plan import Plan
from dbtool.explain.rows import beside
from dbtool.explain.rules import RULES
from dbtool.explain.selftime import Share
from dbtool.explain.view import report
from dbtool.finding import judge
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.report import envelope
from tests.explain.plans import ZERO_BLOCKS, node, plan


def blocks(hit: int) -> dict[str, object]:
    """Blocks a node touched, children included."""
    return {**ZERO_BLOCKS, "Shared Hit Blocks": hit}


def shown(*plans: Plan, width: int | None = 100) -> str:
    """The report of plans as a terminal shows it."""
    return render(report(explained(*plans)), Screen(width, color=False, drawing=True))


def explained(*plans: Plan) -> Explained:
    """Plans as if they had been run, judged."""
    statements = []
    for line, each in enumerate(plans, 1):
        analysis = analyse(each)
        findings, unknowns = judge(RULES, analysis)
        sql = f"SELECT {line}"
        statements.append(Examined(sql, line, each, analysis.times, findings, unknowns))
    return Explained(tuple(statements))


def orders(**more: object) -> dict[str, object]:
    """A scan that reads 60,000 orders to keep two."""
    figures: dict[str, object] = {
        "Relation Name": "orders",
        "Schema": "public",
        "Alias": "o",
        "Filter": "(o.customer_id = 42)",
        "Rows Removed by Filter": 59_998,
        **blocks(1500),
    }
    tree = node("Seq Scan", ms=40.0, rows=2, expected=2)
    return {**tree, **figures, **more}


def slow() -> Plan:
    """A join whose time goes into that scan."""
    index = node("Index Scan", ms=2.0, loops=2, Index_Name="customers_pkey")
    index |= {"Relation Name": "customers", "Alias": "c", **blocks(6)}
    join = {**node("Nested Loop", orders(), index, ms=45.0, rows=2, expected=2), **blocks(1506)}
    return plan(join, Planning_Time=0.25, Execution_Time=49.5, Settings={"work_mem": "64kB"})


def test_one_statement() -> None:
    """Headline, plan, summary, finding, next command: in that order."""
    assert (
        shown(slow())
        == """\
49.5 ms: 89 % of the time goes into #2 Seq Scan on orders o

#  node                                              self ms   %         rows  loops  blocks
1  Nested Loop                                          1.00   2  ▏         2
2    Seq Scan on orders o                               40.0  89  █████     2          1,500  [1]
3    Index Scan using customers_pkey on customers c     4.00   9  ▌         2      2       6

planning  0.250 ms, 4.50 ms outside the plan (start, end, compiling)
blocks    1,506 (12MB), 0 from outside shared buffers
settings  work_mem = 64kB

[1] warning (measured): orders: 60,000 rows read to keep 2
    rows-discarded at #2 Seq Scan on orders o
    the scan took 40.0 ms, 89 % of the time; the condition is (o.customer_id = 42)
    in the model: Index("ix_orders_customer_id", "customer_id")
    in the revision, inside op.get_context().autocommit_block():
    op.create_index("ix_orders_customer_id", "orders", ["customer_id"],
    postgresql_concurrently=True)
    fix: an index that finds the rows
        CREATE INDEX CONCURRENTLY ix_orders_customer_id
            ON public.orders (customer_id);

next: dbtool revision --autogenerate -m "add ix_orders_customer_id"

1 warning
"""
    )


def test_narrow_screens_keep_the_tree() -> None:
    """At 80 columns the bars and blocks go before the nodes are cut."""
    lines = shown(slow(), width=80).splitlines()
    assert lines[2:6] == [
        "#  node                                            self ms   %  rows  loops",
        "1  Nested Loop                                        1.00   2     2",
        "2    Seq Scan on orders o                             40.0  89     2         [1]",
        "3    Index Scan using customers_pkey on customer…     4.00   9     2      2",
    ]
    prose = [line for line in lines if not line.startswith("        ")]
    assert max(map(len, prose)) <= 80


def test_pipes_get_whole_lines() -> None:
    """Without a screen nothing is cut, and bars are plain characters."""
    text = render(report(explained(slow())), Screen(None, color=False, drawing=False))
    lines = text.splitlines()
    assert lines[3].split() == ["1", "Nested", "Loop", "1.00", "2", ".", "2"]
    assert lines[4].split()[-5:] == ["89", "#####", "2", "1,500", "[1]"]
    assert "Index Scan using customers_pkey on customers c" in lines[5]
    assert text.isascii()


def test_what_never_ran_and_what_is_cold_is_folded() -> None:
    """A large plan shows where the time is; the rest is one line per subtree."""
    cold = [
        node(kind, node("Seq Scan", ms=0.01, Relation_Name=f"t{place}"), ms=0.02, at="Member")
        for place, kind in enumerate(["Sort", "Unique"] * 5)
    ]
    never = node("Sort", node("Seq Scan", ms=0.0, loops=0), ms=0.0, loops=0, at="Member")
    hot = node("Seq Scan", ms=50.0, Relation_Name="big", at="Member")
    lines = shown(plan(node("Append", *cold, never, hot, ms=51.0))).splitlines()
    assert lines[2:5] == [
        "  #  node                          self ms   %         rows",
        " >1  Append                          0.800   2  ▏         1",
        "  2    Sort (+1: t0)                 0.020   0            1",
    ]
    assert lines[13:16] == [
        " 20    Unique (+1: t9)               0.020   0            1",
        " 22    Sort (+1) (never executed)",
        ">24    Seq Scan on big                50.0  98  █████     1",
    ]


def test_a_plan_that_took_no_time_shows_no_costs_as_times() -> None:
    """Nothing below a LIMIT 0 is run; a constant takes less than the clock tells."""
    scan = node("Seq Scan", ms=0.0, loops=0, Relation_Name="big", Total_Cost=154_055.0)
    lines = shown(plan(node("Limit", scan, ms=0.0, rows=0, Total_Cost=0.01))).splitlines()
    assert lines[2:5] == [
        "#  node                                self ms  %  rows",
        "1  Limit                                 0.000  0     0",
        "2    Seq Scan on big (never executed)",
    ]
    lines = shown(plan(node("Result", ms=0.0, Total_Cost=0.26))).splitlines()
    assert lines[2:4] == ["#  node    self ms  %  rows", "1  Result    0.000  0     1"]


def test_what_other_processes_did_is_not_nothing() -> None:
    """Of two partitions scanned at once one was waited for; the other took its time beside it."""
    worker = {"Worker Number": 0, "Actual Loops": 1, "Actual Rows": 1, "Actual Total Time": 79.0}
    long = node("Seq Scan", ms=159.0, at="Member", Relation_Name="t_1")
    short = node("Seq Scan", ms=79.0, at="Member", Relation_Name="t_2", Workers=[worker])
    append = node("Append", long, short, ms=119.0, loops=2, Workers=[worker])
    lines = shown(plan(node("Gather", append, ms=160.0))).splitlines()
    assert "t_2" in lines[6]
    assert lines[6].split()[5:7] == ["∥79.0", "0"]
    assert lines[8] == "∥ the work of processes that nobody waited for: no part of the time"


def test_loops_that_round_to_nothing_are_not_work_beside() -> None:
    """An index scan of 300,000 loops in three processes may be most of the time, or none."""
    each = {"Actual Rows": 1, "Actual Total Time": 0.001, "Actual Loops": 100_000}
    workers = [{"Worker Number": number, **each} for number in (0, 1)]
    inner = node("Index Scan", ms=0.001, loops=300_000, Relation_Name="t_2", Workers=workers)
    outer = node("Seq Scan", ms=10.0, loops=3, Relation_Name="t_1")
    whole = [{**worker, "Actual Total Time": 160.0, "Actual Loops": 1} for worker in workers]
    joined = node("Nested Loop", outer, inner, ms=160.0, loops=3, Workers=whole)
    text = shown(plan(node("Gather", joined, ms=162.0)))
    assert "<150" in text
    assert "∥" not in text


def test_less_than_nothing_is_no_work_beside() -> None:
    """A node that took less than what ran inside it, beside workers, is marked as in doubt."""
    share = Share(wall_ms=-5.0, busy_ms=30.0, bound_ms=0.001, buffers=None, consistent=False)
    assert not beside(share)
    assert beside(replace(share, wall_ms=0.0, consistent=True))


def test_many_of_a_kind_in_a_row_are_one_line() -> None:
    """Of a thousand partitions a reader sees the few that matter, and what the rest took."""
    cold = [
        node("Seq Scan", ms=0.02, rows=5, Relation_Name=f"t_{place}", at="Member")
        for place in range(1000)
    ]
    hot = node("Seq Scan", ms=500.0, Relation_Name="t_hot", at="Member")
    never = [node("Seq Scan", ms=0.0, loops=0, at="Member") for _ in range(4)]
    lines = shown(
        plan(node("Append", *cold[:600], hot, *cold[600:], *never, ms=521.0))
    ).splitlines()
    assert [" ".join(line.split()) for line in lines[2:8]] == [
        "# node self ms % rows",
        ">1 Append 1.00 0 1",
        "2 Seq Scan on t_0 and 599 more like it 12.0 2 ▏ 3,000",
        ">602 Seq Scan on t_hot 500 96 █████ 1",
        "603 Seq Scan on t_600 and 399 more like it 8.00 2 ▏ 2,000",
        "1003 Seq Scan and 3 more like it (never executed)",
    ]


def test_rounding_and_division_are_said() -> None:
    """Figures that are not exact carry a sign, and the sign is explained."""
    scan = node("Seq Scan", ms=50.0, loops=2, Relation_Name="t")
    inner = node("Index Scan", ms=0.0, loops=1_000_000)
    loop = node("Nested Loop", node("Gather", scan, ms=60.0), inner, ms=400.0)
    text = shown(plan(loop))
    assert "≈50.0" in text
    assert "<500" in text
    assert "≈ divided by the number of processes" in text


def test_init_plans_say_where_they_ran() -> None:
    """They are printed under the node that owns them and ran inside another."""
    init = node("Result", ms=30.0, at="InitPlan", Subplan_Name="InitPlan 1 (returns $0)")
    scan = node("Seq Scan", ms=40.0, Filter="(id > $0)", Relation_Name="t")
    text = shown(plan(node("Sort", init, scan, ms=41.0)))
    assert "2    InitPlan 1 (returns $0): Result" in text
    assert "#2 InitPlan 1 (returns $0): Result ran inside #3" in text


def test_several_statements_are_numbered_through() -> None:
    """Each has its title; findings count on from one to the next."""
    quick = plan(node("Result", ms=0.5), Execution_Time=0.6)
    text = shown(slow(), quick, slow())
    assert text.startswith("3 statements, 99.6 ms; the slowest is line 1: SELECT 1\n")
    titles = [line for line in text.splitlines() if line.startswith("line ")]
    assert titles == ["line 1: SELECT 1", "line 2: SELECT 2", "line 3: SELECT 3"]
    marks = [line.split()[-1] for line in text.splitlines() if line.startswith("2    Seq Scan")]
    assert marks == ["[1]", "[2]"]


def test_a_plan_that_was_not_run_shows_what_is_expected() -> None:
    """Costs and rows of the planner, and no verdict on anything."""
    tree = {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 1234.5, "Plan Rows": 5000}
    found = plan({**tree, "Plan Width": 8})
    text = render(report(Explained((Examined("SELECT 1", 1, found),))), Screen(80, False, True))
    assert (
        text
        == """\
not run: the planner expects 5,000 rows at a cost of 1,234

#  node            cost   rows  width
1  Seq Scan on t  1,234  5,000      8
"""
    )


def test_planning_leads_where_it_dominates() -> None:
    """The headline speaks of what takes the time, also when no node does."""
    found = plan(node("Result", ms=0.5), Planning_Time=80.0, Execution_Time=0.6)
    assert shown(found).startswith("80.0 ms of planning, 0.600 ms of running\n")


def test_json_carries_the_plan_and_its_times() -> None:
    """Nodes and shares stand in the same order; findings stand beside the data, once."""
    found = envelope(report(explained(slow())))
    statement = found["data"]["statements"][0]  # type: ignore[index]
    assert [each["kind"] for each in statement["plan"]["nodes"]] == [
        "Nested Loop",
        "Seq Scan",
        "Index Scan",
    ]
    assert [share["wall_ms"] for share in statement["times"]["shares"]] == [1.0, 40.0, 4.0]
    assert "findings" not in statement
    finding = found["findings"][0]  # type: ignore[index]
    assert finding["location"]["name"] == "#2 Seq Scan on orders o"


def test_reading_is_timed_where_the_server_measures_it() -> None:
    """Under the names of all versions; of several processes it is the sum."""
    said = ", 5 from outside shared buffers, which took 12.5 ms"
    for key in ("Shared I/O Read Time", "I/O Read Time"):
        tree = {**node("Seq Scan"), **ZERO_BLOCKS, "Shared Read Blocks": 5, key: 12.5}
        assert said + "\n" in shown(plan(tree))
        below = {**tree, "Parent Relationship": "Outer"}
        gather = {**tree, "Node Type": "Gather", "Plans": [below]}
        assert f"{said} in all processes" in shown(plan(gather))
