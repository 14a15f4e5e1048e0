"""What causes a finding comes before it."""

from dbtool.explain import causes
from dbtool.explain.analysis import analyse
from dbtool.explain.facts import Facts, TableFacts
from dbtool.explain.folding import judged
from dbtool.explain.rules import RULES
from dbtool.finding import rule_name
from tests.explain.plans import node, plan


def found(columns: dict[str, str]) -> list[str]:
    """The rules that find something in a join over a table nobody has analysed."""
    scan = node("Seq Scan", ms=90.0, rows=3_000, expected=7, Filter="(o.status = 'open'::text)")
    scan |= {"Relation Name": "orders", "Schema": "public", "Alias": "o"}
    scan["Rows Removed by Filter"] = 297_000
    inner = node("Index Scan", ms=0.01, rows=1, loops=3_000, Alias="c")
    inner["Index Cond"] = "(c.id = o.customer_id)"
    joined = plan(node("Nested Loop", scan, inner, ms=130.0, rows=3_000, expected=7))
    orders = TableFacts(
        "public", "orders", "r", False, -1, 1000, 0, 0, columns, (), {"status": 300.0}
    )
    findings, _ = judged(analyse(joined, Facts(version=18, tables=(orders,))))
    return [each.rule for each in findings]


def test_stale_statistics_come_before_what_they_led_to() -> None:
    """The loop was chosen on an estimate that ANALYZE mends; the scan has a fix of its own."""
    assert found({"status": "text"}) == ["rows-discarded", "row-misestimate", "nested-loop-repeats"]


def test_every_rule_says_whether_estimates_lead_to_it() -> None:
    """A rule that is in neither list was forgotten, in both it is contradictory."""
    names = {rule_name(each.__name__) for each in RULES}
    assert names == causes.LED_TO | causes.OF_THE_STATEMENT
    assert not causes.LED_TO & causes.OF_THE_STATEMENT


def test_an_estimate_leads_to_no_condition_that_no_index_serves() -> None:
    """A join that compares all pairs by OR stays before the estimate of its input."""
    scan = node("Seq Scan", ms=30.0, rows=3_000, expected=7, Filter="(o.status = 'open'::text)")
    scan |= {"Relation Name": "orders", "Schema": "public", "Alias": "o"}
    inner = node("Seq Scan", ms=0.01, rows=100, expected=100, loops=3_000, Alias="c")
    joined = node("Nested Loop", scan, inner, ms=900.0, rows=3_000, expected=3_000)
    joined |= {"Join Filter": "((c.id = o.customer_id) OR (c.name = o.courier))"}
    joined["Rows Removed by Join Filter"] = 297_000
    orders = TableFacts(
        "public", "orders", "r", False, -1, 1000, 0, 0, {"status": "text"}, (), {"status": 300.0}
    )
    findings, _ = judged(analyse(plan(joined), Facts(version=18, tables=(orders,))))
    rules = [each.rule for each in findings]
    assert rules.index("join-filter-discards") < rules.index("row-misestimate")
