"""Several runs of one statement: what is cold, what is usual, and what the clock costs."""

import asyncio
from collections.abc import Callable

import pytest

from dbtool.database.target import Target
from dbtool.explain.plan import Plan
from dbtool.explain.run import How, explain
from dbtool.explain.runs import Runs, repeat, ticking
from dbtool.explain.view import report
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from tests.explain.plans import ZERO_BLOCKS, node, plan


def executed(ms: float, read: int = 0, rows: int = 1) -> Plan:
    """A plan that took so long and fetched so many blocks."""
    tree = {**node("Seq Scan", ms=ms, rows=rows), **ZERO_BLOCKS, "Shared Read Blocks": read}
    return plan(tree, Execution_Time=ms)


def repeated(*plans: Plan, untimed: float = 1.0) -> tuple[Runs, list[bool]]:
    """The runs made of executions that return these plans, and whether each had a clock."""
    timings: list[bool] = []

    async def execute(timing: bool) -> Plan:
        timings.append(timing)
        return plans[len(timings) - 1] if timing else executed(untimed)

    return asyncio.run(repeat(execute, len(plans))), timings


def test_first_least_and_median() -> None:
    """The first is told apart; the plan that is shown is the one in the middle of the rest."""
    plans = [executed(90, read=500), executed(10), executed(30), executed(20)]
    runs, timings = repeated(*plans)
    assert (runs.first, runs.least, runs.median, runs.cold) == (90, 10, 20, True)
    assert runs.plan is plans[3]
    assert timings == [True] * 4
    assert runs.untimed_ms is None


def test_one_run_is_all_of_them() -> None:
    """Once is once: a server is not asked to do it again."""
    runs, timings = repeated(executed(10, read=3, rows=10_000_000))
    assert (runs.first, runs.least, runs.median, runs.cold) == (10, 10, 10, False)
    assert timings == [True]


def test_the_plan_is_of_the_median() -> None:
    """Of two runs behind the first neither is in the middle: the slower is, and its plan."""
    runs, _ = repeated(executed(90), executed(10), executed(20))
    assert (runs.median, runs.plan.execution_ms) == (20, 20)


def test_the_clock_is_measured_where_it_may_matter() -> None:
    """A million rows in 100 ms cannot be timed for nothing."""
    plans = [executed(100, rows=1_000_000)] * 2
    runs, timings = repeated(*plans, untimed=40)
    assert timings == [True, True, False]
    assert runs.clock == pytest.approx(0.6)
    assert ticking(executed(100, rows=10)) < 0.001
    quick, _ = repeated(*plans, untimed=120)
    assert quick.clock == 0.0


def test_what_a_reader_sees(open_shop: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and clock are told below the plan, on a real server however slow it is."""
    monkeypatch.setattr("dbtool.explain.runs.WORTH_MEASURING", 0.0)
    sql = "SELECT count(*) FROM orders a, shops b WHERE a.id < 1000"
    found = explain(open_shop, sql, how=How(runs=3))
    # Times of a slow machine are longer, and would be wrapped.
    text = render(report(found), Screen(200, color=False, drawing=False))
    (line,) = [each for each in text.splitlines() if each.startswith("runs ")]
    assert line.startswith("runs      3: first ")
    assert line.endswith("; the plan is of the median")
    assert any(each.startswith("clock ") for each in text.splitlines())


def test_on_the_command_line(open_shop: Target, dbtool: Callable[..., object]) -> None:
    """A number of runs that makes no sense is refused."""
    ran = dbtool("explain", "SELECT 1", "--runs", "0", "--url", open_shop.sqlalchemy_url())
    assert getattr(ran, "code", None) == 2
