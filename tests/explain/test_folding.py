"""Plans of many nodes: what is found of many partitions of one table is said once."""

import json

from dbtool.explain.analysis import Analysis, analyse
from dbtool.explain.folding import judged
from dbtool.explain.offline import examine
from dbtool.explain.rules import cartesian_product
from dbtool.explain.view import report
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
