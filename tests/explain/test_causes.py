"""What causes a finding comes before it."""

from dbtool.explain.analysis import analyse
from dbtool.explain.facts import Facts, TableFacts
from dbtool.explain.folding import judged
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
