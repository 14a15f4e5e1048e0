"""Plans that somebody already has: every way they are wrapped, and what is no plan."""

import json
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtool.database.sync import SyncConnection
from dbtool.errors import UsageError
from dbtool.explain.deepjson import _loads_without_recursion
from dbtool.explain.offline import examine
from dbtool.explain.plan import Plan
from dbtool.explain.source import read
from dbtool.explain.view import report
from tests.explain.plans import node

TREE = node("Limit", node("Seq Scan", Relation_Name="t", Filter="(a > 1)"))
DOCUMENT = {"Plan": TREE, "Planning Time": 0.2, "Execution Time": 3.0}
PLAINLY = json.dumps([DOCUMENT], indent=2)


def framed() -> str:
    """The plan as psql prints it in its default format."""
    lines = PLAINLY.splitlines()
    width = max(map(len, lines))
    body = "\n".join(f" {line:{width}}+" for line in lines[:-1])
    return f"{'QUERY PLAN':^{width}}\n{'-' * width}\n{body}\n {lines[-1]}\n(1 row)\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAINLY,
        json.dumps(DOCUMENT),
        json.dumps(TREE),
        json.dumps([{"QUERY PLAN": [DOCUMENT]}]),
        json.dumps([{"QUERY PLAN": PLAINLY}]),
        json.dumps({"Query Text": "SELECT 1", **DOCUMENT}),
        framed(),
    ],
)
def test_every_wrapping_is_the_same_plan(text: str) -> None:
    """As EXPLAIN prints it, bare, as rows of a driver or an ORM, logged, framed by psql."""
    (plan,) = read(text, "stdin")
    assert [each.kind for each in plan.nodes] == ["Limit", "Seq Scan"]
    assert plan.nodes[1].text("Filter") == "(a > 1)"


def test_unknown_keys_are_kept() -> None:
    """What a later version prints is neither lost nor in the way."""
    (plan,) = read(json.dumps([{"Plan": {**TREE, "New Thing": {"a": 1}}, "More": 2}]), "stdin")
    assert plan.root.props["New Thing"] == {"a": 1}
    assert plan.props == {"More": 2}


def test_several_plans_in_one_text() -> None:
    """Each is a statement of the report."""
    found = examine(json.dumps([DOCUMENT, DOCUMENT]), "stdin")
    assert [each.line for each in found.statements] == [1, 2]
    assert all(each.times for each in found.statements)


def test_what_psql_says_before_and_between_plans() -> None:
    """Each title begins a plan; answers to commands around them are none."""
    found = read(f"Output format is wrapped.\n{framed()}Time: 1,5 ms\nSET\n{framed()}", "stdin")
    assert [[each.kind for each in plan.nodes] for plan in found] == [["Limit", "Seq Scan"]] * 2


def test_a_plan_that_was_not_run_has_no_times() -> None:
    """Nothing is judged that was not measured."""
    tree = {"Node Type": "Seq Scan", "Total Cost": 10.0, "Plan Rows": 5}
    (examined,) = examine(json.dumps(tree), "stdin").statements
    assert examined.times is None
    assert examined.findings == ()


_NO_FORMAT = "it is none of the formats EXPLAIN prints: text, JSON, YAML, XML"


@pytest.mark.parametrize(
    ("text", "message", "detail"),
    [
        ("", "stdin is empty", ""),
        (" \n", "stdin is empty", ""),
        ("hello", "stdin holds no plan", _NO_FORMAT),
        ("[1]", "stdin holds no plan", 'there is no "Plan" where EXPLAIN puts one'),
        ('{"a": 1}', "stdin holds no plan", 'there is no "Plan" where EXPLAIN puts one'),
        ("[]", "stdin holds no plan", "it is an empty list"),
        ('{"Plan": {}}', "stdin holds no plan", 'node 1 has no "Node Type"'),
        (
            f'{{"Plan": {{"Node Type": "Sort", "Total Cost": 1.5, "Startup Cost": 1{"0" * 330},'
            ' "Plan Rows": 1, "Plan Width": 1}}',
            "stdin holds no plan",
            "a value is too large: int too large to convert to float",
        ),
        (
            '{"Plan": {"Node Type": "Limit", "Plans": [3]}}',
            "stdin holds no plan",
            'node 2 has no "Node Type"',
        ),
        (
            '{"Plan": ',
            "stdin holds no plan",
            "it is not JSON: Expecting value at line 1, column 10",
        ),
        (
            '{"Plan": {"Node Type": "Sort", "Sort Space Used": Infinity}}',
            "stdin holds no plan",
            "Infinity is no number of JSON",
        ),
    ],
)
def test_what_is_no_plan_is_told(text: str, message: str, detail: str) -> None:
    """Each with the reason and how to get a plan that can be read."""
    with pytest.raises(UsageError) as caught:
        read(text, "stdin")
    assert (caught.value.message, caught.value.detail) == (message, detail)
    assert "FORMAT JSON" in caught.value.hint


_JUNK: st.SearchStrategy[object] = st.sampled_from(
    [
        *(None, True, 0, -1, 1, 3.5, 10**20, "", "x", "$0", "(InitPlan 1).col1", "InitPlan 1"),
        *([], {}, [1], 1e300, ["x"], [{}], {"a": 1}, {"Timing": 1}, {"Timing": {"Total": "x"}}),
        *([{"Worker Number": "x", "Actual Loops": []}], [{"Worker Number": 1, "Actual Loops": 1}]),
    ]
)
_KEYS = st.sampled_from(
    [
        *("Node Type", "Plans", "Workers", "Actual Rows", "Actual Loops", "Actual Total Time"),
        *("Plan Rows", "Total Cost", "Shared Hit Blocks", "Filter", "Subplan Name", "JIT"),
        *("Parent Relationship", "Sort Key", "Relation Name", "Output", "Temp Read Blocks"),
        *("Sort Space Type", "Sort Space Used", "Full-sort Groups", "Peak Memory Usage"),
    ]
)


@given(st.dictionaries(_KEYS, _JUNK), st.dictionaries(_KEYS, _JUNK))
def test_no_tree_crashes(above: dict[str, object], below: dict[str, object]) -> None:
    """Whatever stands in place of a plan ends in a report or a usage error."""
    tree = {"Node Type": "Limit", **above}
    if "Plans" not in above:
        tree["Plans"] = [{"Node Type": "Seq Scan", **below}]
    document = {"Plan": tree, "Triggers": below.get("Plans"), "JIT": above.get("JIT")}
    with suppress(UsageError):
        assert report(examine(json.dumps(document), "stdin")).sections


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=8,
)


@given(_VALUES)
def test_decoding_without_recursion_is_the_same(value: object) -> None:
    """The decoder for deep plans agrees with the standard one."""
    text = json.dumps(value, indent=1)
    assert _loads_without_recursion(text) == json.loads(text)


@pytest.mark.parametrize("text", ["[1", "[1}", "]", '{"a": [}', "[1] 2", "[tru]", ""])
def test_broken_text_is_an_error_without_recursion_too(text: str) -> None:
    """What is cut off or mismatched does not pass."""
    with pytest.raises(json.JSONDecodeError):
        _loads_without_recursion(text)


def test_deep_plans_are_read() -> None:
    """A plan deeper than Python's own limit is read as any other."""
    tree = node("Seq Scan", ms=1.0)
    depth = 3000
    text = '{"Node Type": "Materialize", "Plans": [' * depth + json.dumps(tree) + "]}" * depth
    (plan,) = read(text, "stdin")
    assert len(plan.nodes) == depth + 1
    assert plan.nodes[-1].depth == depth


KINDS = [
    "SELECT * FROM t TABLESAMPLE SYSTEM (50)",
    "SELECT DISTINCT k FROM t ORDER BY k",
    "SELECT k, grouping(k), count(*) FROM t GROUP BY GROUPING SETS ((k), ())",
    "SELECT * FROM t WHERE ctid = '(0,1)'",
    "SELECT id FROM t INTERSECT SELECT k FROM t",
    "SELECT * FROM t a FULL JOIN t b USING (id)",
    "SELECT * FROM t WHERE k = 1 OR k = 2",
    "SELECT unnest(ARRAY[1, 2])",
    "SELECT * FROM jsonb_to_recordset('[{\"a\": 1}]') AS x(a int)",
    "SELECT * FROM regexp_matches('ab', '.', 'g')",
    "SELECT * FROM (VALUES (1), (2)) v(a) WHERE a > (SELECT min(id) FROM t)",
    "SELECT * FROM t, LATERAL (SELECT * FROM t u WHERE u.id = t.k LIMIT 1) z",
    "SELECT *, sum(k) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY id)",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r",
    "INSERT INTO t SELECT 0, 0 RETURNING id",
    "UPDATE t SET k = 1 WHERE id = 1",
    "DELETE FROM t WHERE id = 1",
    "WITH w AS (INSERT INTO t VALUES (0, 0)) SELECT 1",
    "MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "CREATE TABLE made AS SELECT * FROM t",
    "SELECT * FROM t FOR UPDATE",
]


@pytest.mark.parametrize("sql", KINDS)
def test_plans_of_every_kind_of_node(connection: SyncConnection, sql: str) -> None:
    """What servers print for reads and writes is read, measured and judged."""
    connection.execute(
        "CREATE TABLE t AS SELECT g AS id, g % 10 AS k FROM generate_series(1, 99) g"
    )
    connection.execute("CREATE INDEX ON t (k)")
    options = "ANALYZE, VERBOSE, BUFFERS, WAL, SETTINGS, FORMAT JSON"
    text = connection.fetchval(f"EXPLAIN ({options}) {sql}")
    (examined,) = examine(text, "stdin").statements
    assert examined.times is not None
    assert examined.plan.nodes[0].executed
    assert isinstance(examined.plan, Plan)


def test_reading_a_plan_loads_no_driver() -> None:
    """Judging a plan needs no server, and imports nothing that speaks to one."""
    code = "import sys, dbtool.explain.offline; print('asyncpg' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "root",
    [
        node("Nested Loop", node("Result", at="InitPlan"), node("Result"), rows=20_000),
        node("Nested Loop", *(node("Seq Scan", Alias=name, rows=20_000) for name in "abc")),
        node("Sort", node("Seq Scan"), node("Seq Scan"), Sort_Method="top-N heapsort"),
        node("Sort", Full_sort_Groups=3, Sort_Space_Used=10**30, Sort_Space_Type="Disk", ms=1e4),
        node("Hash", Hash_Batches=2, Peak_Memory_Usage=10**300, Original_Hash_Batches=1, ms=1e4),
    ],
)
def test_a_node_of_a_shape_that_no_server_prints(root: dict[str, object]) -> None:
    """Others write and cut plans too: it is shown, and takes no rule aback."""
    if "Full sort Groups" in root:
        root["Full-sort Groups"] = root.pop("Full sort Groups")
    tree = {"Plan": root, "Execution Time": 1e4}
    (examined,) = examine(json.dumps(tree), "it").statements
    assert examined.times is not None


def test_a_property_named_like_the_nodes_below() -> None:
    """Its node has its children all the same."""
    cost = "(cost=0.00..1.00 rows=1 width=4)"
    text = f"Limit  {cost}\n  Plans: 3\n  ->  Result  {cost}"
    (examined,) = examine(text, "it").statements
    assert [each.kind for each in examined.plan.nodes] == ["Limit", "Result"]
