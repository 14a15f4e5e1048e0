"""Plans of every version that is supported, as its server printed them."""

import json
from collections.abc import Iterator

import pytest

from dbtool.explain.baseline import Baseline, dumped, kept, loads
from dbtool.explain.changes import compare
from dbtool.explain.offline import examine
from dbtool.explain.selftime import measure
from dbtool.explain.view import report
from dbtool.render.html import render as as_html
from dbtool.render.json import render as as_json
from dbtool.render.markdown import render as as_markdown
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from tests.explain.golden.make import QUERIES, file
from tests.explain.test_selftime import conserves
from tests.render.test_html import read

MAJORS = (15, 16, 17, 18)
EXPECTED = {
    "parallel scan": "Gather",
    "parallel sort": "Gather Merge",
    "partitions": "Seq Scan",
    "cte": "CTE Scan",
    "recursive": "Recursive Union",
    "memoize": "Memoize",
    "incremental sort": "Incremental Sort",
    "bitmap and": "BitmapAnd",
    "bitmap or, lossy": "BitmapOr",
    "window": "WindowAgg",
    "tid scan": "Tid Scan",
    "tid range": "Tid Range Scan",
    "lock rows": "LockRows",
    "functions": "Function Scan",
    "merge": "ModifyTable",
}


def plans(major: int) -> Iterator[tuple[str, str]]:
    """The name of each plan of a version, and what the server printed."""
    for line in file(major).read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        yield document.pop("name"), json.dumps([document])


@pytest.mark.parametrize("major", MAJORS)
def test_own_times_and_blocks_sum_to_the_whole(major: int) -> None:
    """In every plan of every version, whatever it is made of."""
    found = dict(plans(major))
    assert list(found) == list(QUERIES)
    for name, text in found.items():
        (examined,) = examine(text, name).statements
        assert examined.times is not None, name
        if name != "writing cte":  # one of its parts runs after the root has finished
            conserves(examined.plan, measure(examined.plan))
        if name in EXPECTED:
            assert EXPECTED[name] in {node.kind for node in examined.plan.nodes}, name


@pytest.mark.parametrize("major", MAJORS)
def test_every_plan_can_be_shown_and_kept(major: int) -> None:
    """In each format and on a narrow screen; and what is kept of it equals itself."""
    for name, text in plans(major):
        explained = examine(text, name)
        shown = report(explained)
        lines = render(shown, Screen(80, color=False, drawing=True)).splitlines()
        assert max(len(line) for line in lines if not line.startswith("    ")) <= 80, name
        assert all(each(shown) for each in (as_json, as_markdown)), name
        assert shown.headline in read(as_html(shown)), name
        own = kept(explained.statements[0])
        again = loads(dumped(Baseline(major, (own,))), name).statements[0]
        assert again == own, name
        change = compare(own, again)
        assert (change.reshaped, change.findings) == (False, ()), name


def test_a_writing_cte_nobody_reads_is_outside() -> None:
    """Its time is not in the root's, and everything else sums to that."""
    for major in MAJORS:
        (examined,) = examine(dict(plans(major))["writing cte"], "it").statements
        times = measure(examined.plan)
        (outside,) = times.detached
        inside = [
            share.wall_ms
            for node, share in zip(examined.plan.nodes, times.shares, strict=True)
            if not outside <= node.id < examined.plan.node(outside).end
        ]
        bound = sum(share.bound_ms for share in times.shares)
        assert sum(inside) == pytest.approx(times.total_ms, abs=bound)
        assert min(inside) >= 0


def test_an_init_plan_whose_workers_outlive_it() -> None:
    """Sending them home was part of the root's time: nothing becomes negative for it."""
    ((_, text),) = [pair for pair in plans(15) if pair[0] == "parallel init plan"]
    times = measure(examine(text, "it").statements[0].plan)
    assert min(share.wall_ms for share in times.shares) >= 0


def test_triggers_are_told_in_every_version() -> None:
    """With the constraint or the name, calls and time."""
    for major in MAJORS:
        found = dict(plans(major))
        for name, wanted in (
            ("update with triggers", {"note", "before"}),
            ("insert with triggers", {"note"}),
        ):
            (examined,) = examine(found[name], name).statements
            assert {trigger.name for trigger in examined.plan.triggers} == wanted, major
        (deleted,) = examine(found["delete with a cascade"], "it").statements
        assert [each.constraint for each in deleted.plan.triggers] == ["child_small_id_fkey"]


def test_the_shape_is_the_same_across_versions() -> None:
    """What servers merely print in another way is no other plan."""
    for name in ("window", "hashed subplan", "lock rows", "delete with a cascade", "backward"):
        shapes = {
            major: kept(examine(dict(plans(major))[name], name).statements[0]).shape
            for major in MAJORS
        }
        assert len(set(shapes.values())) <= 2, shapes
