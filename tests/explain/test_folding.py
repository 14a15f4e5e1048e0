"""Plans of many nodes: what is alike is said once, and a large plan fits a few screens."""

import json
import re
from collections.abc import Iterable, Iterator

from dbtool.explain.analysis import Analysis, analyse
from dbtool.explain.folding import judged
from dbtool.explain.lines import by_cost, by_time, lines
from dbtool.explain.offline import examine
from dbtool.explain.plan import Plan
from dbtool.explain.rules import cartesian_product
from dbtool.explain.selftime import measure
from dbtool.explain.view import report
from dbtool.render import html, markdown
from dbtool.render.screen import PAPER, Screen, words_of
from dbtool.render.terminal import render
from dbtool.report import FailOn, Report, Table, envelope, exit_code
from tests.explain.plans import node, plan


def scan(relation: str, alias: str, ms: float) -> dict[str, object]:
    """A scan that reads much in vain."""
    found = node("Seq Scan", ms=ms, at="Member", rows=1, Filter=f"({alias}.k = 7)")
    found |= {"Relation Name": relation, "Alias": alias, "Rows Removed by Filter": 50_000}
    return found


def appended(*scans: dict[str, object]) -> Analysis:
    """A plan that reads one after the other."""
    return analyse(plan(node("Append", *scans, ms=100.0, rows=3, expected=3)))


def test_partitions_read_alike_are_one_finding() -> None:
    """It is about the one that took longest, and names the others."""
    scans = (scan(f"log_{year}", f"l_{year - 2023}", float(year - 2000)) for year in (2024, 2025))
    findings, _ = judged(appended(*scans, scan("log_2026", "l_3", 20.0)))
    (finding,) = [each for each in findings if each.rule == "rows-discarded"]
    assert finding.location is not None
    assert finding.location.name == "#3 Seq Scan on log_2025 l_2"
    assert finding.evidence[-1] == "the same holds of 2 other partitions: #2, #4"


def test_tables_put_together_are_found_each() -> None:
    """As in UNION ALL: each may need an index of its own."""
    findings, _ = judged(appended(scan("log_1", "log_1", 40.0), scan("log_2", "log_2", 40.0)))
    assert [each.rule for each in findings].count("rows-discarded") == 2


def test_one_table_read_by_different_conditions_is_found_each() -> None:
    """As in UNION ALL, where the server numbers what is read again; so is a partition."""
    for relation, alias in (("orders", "orders"), ("orders", "o"), ("log_2024", "log_2024")):
        scans = [scan(relation, f"{alias}_{place}", 30.0) for place in (1, 2)]
        for column, each in zip("bc", scans, strict=True):
            each["Filter"] = f"({each['Alias']}.{column} = 7)"
        findings, _ = judged(appended(scan(relation, alias, 30.0), *scans))
        assert [each.rule for each in findings].count("rows-discarded") == 3


def test_what_is_asked_of_a_partition_is_more_than_its_name() -> None:
    """Numbers in literals are the statement's own; those of names in quotes are the server's."""
    for texts, findings in (
        (("l_1.k = 'a_1.b'", "l_2.k = 'a_2.b'"), 2),
        (("l_1.k = 'Plan 1'", "l_2.k = 'Plan 2'"), 2),
        (("l_1.k = 'it''s_1.b'", "l_2.k = 'it''s_2.b'"), 2),
        (("\"l's_1\".k = 'b'", "\"l's_2\".k = 'b'"), 1),
        (("l_1.k = (SubPlan 1).col1", "l_2.k = (SubPlan 2).col1"), 1),
    ):
        scans = [scan(f"log_{place}", f"l_{place}", 30.0) for place in (1, 2)]
        for each, text in zip(scans, texts, strict=True):
            each["Filter"] = f"({text})"
        found, _ = judged(appended(*scans))
        assert [each.rule for each in found].count("rows-discarded") == findings, texts


def test_the_largest_share_is_not_rounded_down() -> None:
    """Of 70 nodes that each take 1.43 %, none takes more than 2 %."""
    scans = [scan(f"log_{place}", f"l_{place}", 1.0) for place in range(70)]
    text = json.dumps([{"Plan": node("Append", *scans, ms=70.0), "Execution Time": 70.0}])
    assert report(examine(text, "x")).headline == (
        "70.0 ms: no node of 71 takes more than 2 % of the time"
    )


def test_a_plan_without_a_costly_node_blames_none() -> None:
    """As one of a thousand partitions that each take a thousandth of the time."""
    scans = [scan(f"log_{place}", f"l_{place}", 1.0) for place in range(100)]
    text = json.dumps([{"Plan": node("Append", *scans, ms=100.0), "Execution Time": 101.0}])
    assert report(examine(text, "x")).headline == (
        "101 ms: no node of 101 takes more than 1 % of the time"
    )


def test_a_join_is_known_by_names_in_quotes() -> None:
    """A condition on the inner side that names the outer one joins them."""
    outer = node("Seq Scan", ms=1.0, rows=200, expected=200, Alias='odd "name')
    inner = node("Index Scan", ms=1.0, rows=100, expected=100, loops=200, Alias="o")
    inner["Index Cond"] = '(o.id = "odd ""name".id)'
    joined = node("Nested Loop", outer, inner, ms=300.0, rows=20_000)
    assert not list(cartesian_product.check(analyse(plan(joined))))
    inner["Index Cond"] = "(o.id = 7)"
    (found,) = cartesian_product.check(analyse(plan(joined)))
    assert found.title == 'no condition joins odd "name with o: 20,000 pairs of rows'


def misread(number: int, ms: float = 1.0) -> dict[str, object]:
    """A scan whose rows came to ten times what was expected, by two conditions."""
    name = f"t_{number}"
    condition = f"(({name}.k = {number}) AND ({name}.s = 'k.s'::text))"
    named = {"Relation Name": name, "Schema": "public", "Alias": name, "Filter": condition}
    return node("Seq Scan", ms=ms, rows=2_000, expected=10) | named


def joined(scans: Iterable[dict[str, object]]) -> dict[str, object]:
    """Joins one above the other, the first scan at the bottom."""
    root, *others = scans
    for scan in others:
        ms = sum(float(str(each["Actual Total Time"])) for each in (root, scan)) + 0.01
        root = node("Hash Join", root, scan, ms=ms, rows=5_000, expected=5_000)
    return root


def spread(scans: list[dict[str, object]]) -> dict[str, object]:
    """Joins of joins, as flat as can be."""
    while len(scans) > 1:
        pairs = zip(scans[::2], scans[1::2], strict=False)
        scans = [joined(pair) for pair in pairs] + scans[len(scans) // 2 * 2 :]
    return scans[0]


def reported(*roots: dict[str, object]) -> Report:
    """What `explain` says of plans."""
    return report(examine(json.dumps([{"Plan": root} for root in roots]), "x"))


def test_many_findings_alike_are_told_once_and_counted_each() -> None:
    """The costliest is told whole, three more are named, and machines get every one."""
    shown = reported(spread([misread(place, 1.0 + place / 100) for place in range(64)]))
    places = [each.location and each.location.name for each in shown.findings]
    assert len(set(places)) == len(places) == 64
    assert places[:2] == ["#127 Seq Scan on t_63", "#126 Seq Scan on t_62"]
    text = render(shown, Screen(None, color=False, drawing=False))
    assert text.count("row-misestimate") == 1
    assert (
        "    and 63 alike, each with its own fix: #126 Seq Scan on t_62, #124 Seq Scan on t_61,"
        " #123 Seq Scan on t_60, +60 more; --format json tells each of them\n\n64 warnings\n"
    ) in text
    listed = envelope(shown)["findings"]
    assert isinstance(listed, list)
    assert [each["fix"]["code"].count("k, s") for each in listed] == [1] * 64
    assert exit_code(shown, FailOn.WARNING) == 1


def test_a_page_lists_all_that_are_alike() -> None:
    """HTML folds them away, each with its fix; Markdown counts them as a terminal does."""
    shown = reported(spread([misread(place) for place in range(32)]))
    page = html.render(shown)
    assert "<summary>and 31 alike, each with its own fix: #" in page
    assert page.count("CREATE STATISTICS") == 32
    assert page.count('id="finding-') == 1
    text = markdown.render(shown)
    assert text.count("CREATE STATISTICS") == 1
    assert "and 31 alike, each with its own fix: " in text


def test_ten_alike_are_told_whole() -> None:
    """So is each that takes a share worth telling, however many are like it."""
    few = [misread(place) for place in range(10)]
    text = render(reported(spread([*few, *(node("Result", ms=1.0) for _ in range(30))])), PAPER)
    assert text.count("row-misestimate") == 10
    assert " alike" not in text
    costly = [misread(place, 40.0) for place in range(10)]
    many = [misread(place) for place in range(10, 30)]
    text = render(reported(spread([*costly, *many])), PAPER)
    assert text.count("row-misestimate") == 11
    assert "and 19 alike, " in text


def test_statements_are_told_apart() -> None:
    """What is alike in two plans is one finding of each; rows lead to the right one."""
    root = spread([misread(place) for place in range(32)])
    shown = reported(root, root)
    assert len(shown.findings) == 64
    text = render(shown, PAPER)
    assert text.count("and 31 alike, ") == 2
    tables = [each for each in shown.sections if isinstance(each, Table) and len(each.rows) > 5]
    assert [{words_of(row[-1]) for row in table.rows} for table in tables] == [
        {"", "[1]"},
        {"", "[2]"},
    ]


def large_plans() -> Iterator[Plan]:
    """Wide ones and deep ones, with and without findings, run, run without times, and not run."""
    many = [misread(place) for place in range(1_000)]
    for root in (spread(many), joined(many[:300]), joined(many[:120])):
        yield plan(root)
        yield plan(without(root, "Actual Total Time"))
        yield plan(without(root, "Actual"))
    quiet = [node("Seq Scan", ms=1.0, Relation_Name=f"t_{place}") for place in range(1_000)]
    quiet[-1]["Actual Total Time"] = 200.0
    yield plan(joined(quiet))
    yield plan(joined(quiet[::-1]))
    few = without(limited(many), "Actual")
    yield plan(few)
    for root in (few, spread(many), joined(many[:300])):
        yield plan(without(without(root, "Actual"), "Total Cost"))
    for root in (spread(many), joined(many[:300])):
        yield plan(timeless(root))


def limited(scans: list[dict[str, object]]) -> dict[str, object]:
    """A few rows of many scans: the root costs less than what is below it."""
    return node("Limit", node("Append", *scans, ms=float(len(scans))), ms=0.001)


def timeless(root: dict[str, object]) -> dict[str, object]:
    """A plan in which the clock did not move."""
    bare = json.dumps(root)
    return dict(json.loads(re.sub(r'("Actual Total Time"): [\d.]+', r"\1: 0.0", bare)))


def without(tree: object, begin: str) -> dict[str, object]:
    """A plan with costs instead of some figures."""
    bare = json.loads(json.dumps(tree))
    waiting = [bare]
    while waiting:
        each = waiting.pop()
        if "Actual Total Time" in each:
            each["Total Cost"] = each["Actual Total Time"] * 100
        for key in [key for key in each if key.startswith(begin)]:
            del each[key]
        waiting += each.get("Plans", ())
    return dict(bare)


def test_a_large_plan_fits_a_few_screens() -> None:
    """However deep or wide: each node is one line or in one, the slowest its own line."""
    for each in large_plans():
        weights = by_time(each, measure(each)) if each.timed else by_cost(each)
        shown = lines(each, weights, frozenset({7}))
        assert len(shown) <= 110
        covered = [number for line in shown for number in range(line.node.id, line.last + 1)]
        assert covered == list(range(1, len(each.nodes) + 1))
        alone = {line.node.id for line in shown if not line.folded}
        assert {1, 7} <= alone
        slowest = max(each.nodes, key=lambda node: weights.own[node.id])
        if weights.own[slowest.id] >= 0.05 * weights.total:
            assert slowest.id in alone


def test_a_plan_under_a_limit_is_folded_without_being_run() -> None:
    """What the planner expects below a LIMIT is more than at the root."""
    scans = (node("Seq Scan", Relation_Name=f"t_{place}", ms=1.0) for place in range(1_000))
    text = render(reported(without(limited(list(scans)), "Actual")), PAPER)
    assert [" ".join(line.split()) for line in text.splitlines()[3:6]] == [
        "1 Limit 0 1 0",
        "2 Append 100,000 1 0",
        "3 Seq Scan on t_0 and 999 more like it 100,000",
    ]
    assert len(text.splitlines()) < 12


def test_nodes_that_ran_are_in_no_stretch_that_did_not() -> None:
    """The first of a stretch may be the inner side that was never reached."""
    never = node("Seq Scan", ms=0.0, loops=0, rows=0)
    root = node("Nested Loop", node("Seq Scan", ms=500.0), never, ms=500.0)
    for place in range(299):
        root = node("Nested Loop", root, node("Seq Scan"), ms=501.0 + place)
    lines = render(reported(root), PAPER).splitlines()
    (row,) = [line for line in lines if "… 300 nodes that take little each" in line]
    assert " ".join(row.split()) == ("302 (level 300) … 300 nodes that take little each 299 37 ###")


def test_a_stretch_that_did_not_run_says_so() -> None:
    """Nothing in it was executed."""
    never = [node(kind, ms=0.0, loops=0, rows=0) for kind in ("Sort", "Result") * 200]
    text = render(reported(node("Append", node("Seq Scan", ms=9.0), *never, ms=9.0)), PAPER)
    (row,) = [line for line in text.splitlines() if "nodes that take little each" in line]
    assert row.endswith("(never executed)")


def test_a_cause_is_told_before_what_it_led_to() -> None:
    """However many are misread beside it: the scan that a costly loop was chosen on."""
    inner = node("Index Scan", ms=0.48, rows=1, loops=2_000, Alias="c", expected=1)
    loop = node("Nested Loop", misread(0), inner, ms=962.0, rows=2_000, expected=10)
    text = render(reported(joined([loop, *(misread(place, 3.0) for place in range(1, 12))])), PAPER)
    assert text.index("st_t_0_k_s") < text.index("nested-loop-repeats")
    assert "and 10 alike, each with its own fix: " in text


def test_a_deep_plan_is_told_by_its_levels() -> None:
    """A tree of hundreds of levels has no room for an indent of as many blanks."""
    deep = [misread(0, 500.0), *(misread(place) for place in range(1, 300))]
    text = render(reported(joined(deep)), Screen(80, color=False, drawing=True))
    (row,) = [line for line in text.splitlines() if line.lstrip().startswith(">300 ")]
    assert "(level 299) Seq Scan" in row
    assert len(text.splitlines()) < 60


def test_a_large_plan_stays_a_table_on_half_a_screen() -> None:
    """Numbers of four digits leave no room for the rows there; a record takes nine lines."""
    shown = reported(spread([misread(place) for place in range(600)]))
    text = render(shown, Screen(40, color=False, drawing=True))
    head, *_ = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert head.split() == ["#", "node", "self", "ms", "%"]
    assert len(text.splitlines()) < 150
