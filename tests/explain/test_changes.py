"""Plans beside those that were kept: what is matched, what is told, and what is not kept."""

import re
from dataclasses import replace
from types import ModuleType

import pytest

from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.explain import keeping
from dbtool.explain.baseline import Kept, dumped, keep, kept, loads, without_values
from dbtool.explain.build import build
from dbtool.explain.change import Change
from dbtool.explain.changes import RULES, compare, failed
from dbtool.explain.examined import Examined
from dbtool.explain.matching import match
from dbtool.explain.rules import slower_than_kept, statement_fails
from dbtool.explain.run import How, explain
from dbtool.explain.view import report
from dbtool.explain.view_changes import with_changes
from dbtool.finding import Severity, rule_name
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.sql.script import Role, split

_BLOCK = re.compile(r"^(Bad|Good):\n```sql\n(.*?)```", re.S | re.M)
_EXAMPLES = [
    pytest.param(rule, kind, sql, id=f"{rule_name(rule.__name__)}-{kind}")
    for rule in RULES
    for kind, sql in _BLOCK.findall(rule.__doc__ or "")
]

ATTEMPTS = 10
"""A machine that stalls makes one run slow; what is slower is so each time."""


@pytest.mark.parametrize(("rule", "kind", "sql"), _EXAMPLES)
def test_examples(open_shop: Target, rule: ModuleType, kind: str, sql: str) -> None:
    """The second statement of a bad block is worse than the first in the rule's way."""
    texts = [piece.text for piece in split(sql) if piece.role is Role.STATEMENT]
    rules: list[str] = []
    for _ in range(ATTEMPTS if rule is slower_than_kept else 1):
        before, now = (kept(explain(open_shop, text).statements[0]) for text in texts)
        rules = [finding.rule for finding in compare(before, now).findings]
        if (rule_name(rule.__name__) in rules) == (kind == "Bad"):
            break
    assert (rule_name(rule.__name__) in rules) == (kind == "Bad"), rules


def test_both_examples_are_there() -> None:
    """A page without a bad and a good block cannot be checked."""
    for rule in (*RULES, statement_fails):
        kinds = [kind for kind, _ in _BLOCK.findall(rule.__doc__ or "")]
        assert kinds == ["Bad", "Good"], rule.__name__


_SELF_JOIN = (
    "SELECT * FROM orders a JOIN orders b ON b.id = a.shop_id JOIN orders c ON c.id = b.shop_id"
    " WHERE a.id < 50"
)


def one(target: Target, sql: str, **how: object) -> Kept:
    """What is kept of one statement."""
    return kept(explain(target, sql, how=How(**how)).statements[0])  # type: ignore[arg-type]


def test_a_self_join_keeps_its_sides_apart(open_shop: Target) -> None:
    """Three scans of one table are three nodes, whatever the order the planner joins them in."""
    first = one(open_shop, _SELF_JOIN)
    other = one(open_shop, _SELF_JOIN.replace("a.id < 50", "a.id < 30000"))
    assert first.shape != other.shape
    for old, new in match(first.nodes, other.nodes):
        if old and new:
            assert old.reads == new.reads
    both = [new.reads for old, new in match(first.nodes, other.nodes) if old and new and new.reads]
    assert sorted(both) == [f"public.orders {alias}" for alias in "abc"]


def test_another_name_for_a_table_hides_nothing(open_shop: Target) -> None:
    """All of them where the plan is the same, the only one of a table whatever the plan is."""
    first = one(open_shop, _SELF_JOIN)
    other = one(open_shop, re.sub(r"\b([abc])\b", r"\1\1", _SELF_JOIN))
    pairs = [(old.reads, new.reads) for old, new in match(first.nodes, other.nodes) if old and new]
    assert len(pairs) == len(first.nodes) == len(other.nodes)
    assert all(new == old + old[-1:] for old, new in pairs if old)
    quick = one(open_shop, "SELECT * FROM orders o WHERE o.id = 7")
    slow = one(open_shop, "SELECT * FROM orders x WHERE x.id + 0 = 7")
    assert "index-given-up" in [finding.rule for finding in compare(quick, slow).findings]


def test_nothing_of_the_values_is_kept(open_shop: Target) -> None:
    """Neither in conditions, nor in keys, nor as the statement's text."""
    sql = (
        "SELECT note || 'hidden-1' FROM orders WHERE note = 'it''s hidden-2' AND id > 424242"
        " AND courier IN ('hidden-3', E'hid\\\\den-4') ORDER BY note || 'hidden-5' LIMIT 434343"
    )
    text = dumped(keep(explain(open_shop, sql)))
    assert "hid" not in text
    assert "424242" not in text
    assert "434343" not in text
    assert loads(text, "it") == keep_again(text)


def keep_again(text: str) -> object:
    """What a file says, written and read once more."""
    return loads(dumped(loads(text, "it")), "it")


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("(o.id = 7)", "(o.id = ?)"),
        ("(o.a1 = '7'::numeric)", "(o.a1 = ?::numeric)"),
        ("(\"it's 7\" = 'x')", '("it\'s 7" = ?)'),
        ("(a = 1.5) AND (b = $1)", "(a = ?) AND (b = $1)"),
        ("(n = ANY ('{1,2}'::integer[]))", "(n = ANY (?::integer[]))"),
    ],
)
def test_literals_are_told_from_names(text: str, bare: str) -> None:
    """Names with digits and in quotes stay."""
    assert without_values(text) == bare


def test_other_values_are_no_change(open_shop: Target) -> None:
    """A plan is the same one with other values in it."""
    for _ in range(ATTEMPTS):
        change = compare(
            one(open_shop, "SELECT * FROM orders WHERE id = 7"),
            one(open_shop, "SELECT * FROM orders WHERE id = 59999"),
        )
        assert not change.edited
        assert not change.reshaped
        assert {finding.rule for finding in change.findings} <= {"slower-than-kept"}
        if not change.findings:
            break
    assert change.findings == ()


def test_a_table_that_grew_is_a_warning(open_shop: Target) -> None:
    """The same plan over twice the rows takes twice the blocks, and nobody broke anything."""
    now = one(open_shop, "SELECT count(*) FROM orders")
    (scan,) = [node for node in now.nodes if node.reads]
    small = replace(scan, rows=(scan.rows or 0) / 3, blocks=(scan.blocks or 0) // 3)
    then = replace(
        now,
        nodes=tuple(small if node is scan else node for node in now.nodes),
        blocks=(now.blocks or 0) // 3,
    )
    (found,) = compare(then, now).findings
    assert (found.rule, found.severity) == ("more-blocks", Severity.WARNING)
    assert found.title.endswith("as there are more rows")


def test_fewer_blocks_without_an_index_are_no_fault(open_shop: Target) -> None:
    """A table that shrank is rightly read as a whole."""
    by_index = one(open_shop, "SELECT * FROM orders WHERE id = 7")
    whole = one(open_shop, "SELECT * FROM orders WHERE id + 0 = 7")
    change = compare(replace(by_index, blocks=5000, cost=9000.0, ms=whole.ms), whole)
    assert [finding.severity for finding in change.findings] == [Severity.NOTE]


def test_plans_that_were_not_run_are_compared_by_cost(open_shop: Target) -> None:
    """Another plan at twice the cost is worse, where nothing better is known."""
    before = one(open_shop, "SELECT * FROM orders WHERE id = 7", analyze=False)
    now = one(open_shop, "SELECT * FROM orders WHERE id + 0 = 7", analyze=False)
    change = compare(before, now)
    assert not change.measured
    assert {finding.rule for finding in change.findings if finding.severity is Severity.ERROR} == {
        "index-given-up",
        "cost-risen",
    }


def test_a_failing_statement_is_an_error() -> None:
    """Whatever was kept, a statement that no longer runs is worse."""
    bare = Kept(3, "", "", (), 1.0)
    (found,) = failed(bare, "q.sql", 'column "a" does not exist').findings
    assert (found.severity, str(found.location)) == (Severity.ERROR, "q.sql:3")
    assert found.title == 'the statement fails: column "a" does not exist'


def test_any_saved_plan_can_be_compared_with(open_shop: Target) -> None:
    """What EXPLAIN printed yesterday, or what was kept: both say what changed."""
    slow = explain(open_shop, "SELECT * FROM orders WHERE id + 0 = 7")
    fast = explain(open_shop, "SELECT * FROM orders WHERE id = 7")
    text = "Index Scan using orders_pkey on orders  (cost=0.29..8.31 rows=1 width=40)"
    (change,) = keeping.compared(text, "old.txt", slow)
    assert isinstance(change, Change)
    assert change.reshaped
    whole = with_changes(report(slow), keeping.compared(dumped(keep(fast)), "it", slow))
    shown = render(whole, Screen(80, color=False, drawing=False))
    assert shown.startswith("1 statement got worse; ")
    assert "-Index Scan using orders_pkey on orders\n" in shown
    assert "+Seq Scan on orders\n" in shown
    with pytest.raises(UsageError, match="holds 2 plans, and there are 1 to compare"):
        keeping.compared(f"[{_PLAN}, {_PLAN}]", "two", slow)


_PLAN = '{"Plan": {"Node Type": "Result"}}'


@pytest.mark.parametrize(
    "text", ['{"dbtool": 2}', '{"dbtool": 1}', '{"dbtool": 1, "statements": [1]}']
)
def test_what_is_no_baseline_is_told(text: str) -> None:
    """A file of another version or a broken one."""
    with pytest.raises(UsageError, match="it is no baseline"):
        loads(text, "it")


def test_a_large_plan_is_matched_in_time_that_grows_with_it() -> None:
    """A thousand joins one below the other and a thousand scans beside each other."""
    node: dict[str, object] = {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t"}
    deep: dict[str, object] = node
    for place in range(1000):
        inner = {**node, "Alias": f"t_{place}"}
        deep = {"Node Type": "Hash Join", "Plans": [deep, inner]}

    found = build({"Plan": deep})
    examined = Examined("SELECT 1", 1, found)
    change = compare(kept(examined), kept(examined))
    assert len(change.both) == 2001
    assert all(old is new or old == new for old, new in change.both)
