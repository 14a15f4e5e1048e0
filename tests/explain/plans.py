"""Plans for tests: made by a server, or written down node by node."""

import json

from dbtool.database.sync import SyncConnection
from dbtool.explain.build import build
from dbtool.explain.plan import BLOCK_FIELDS, Node, Plan

ZERO_BLOCKS = {name.replace("_", " ").title() + " Blocks": 0 for name in BLOCK_FIELDS}


def explained(
    connection: SyncConnection, sql: str, options: str = "ANALYZE, VERBOSE, BUFFERS"
) -> Plan:
    """What a server says about a statement."""
    answer = connection.fetchval(f"EXPLAIN ({options}, FORMAT JSON) {sql}")
    return build(json.loads(answer)[0])


def node(
    kind: str, *below: dict[str, object], ms: float = 1.0, loops: int = 1, **more: object
) -> dict[str, object]:
    """One node as EXPLAIN prints it; `rows` and `expected` default to one."""
    names = {"rows": "Actual Rows", "expected": "Plan Rows", "at": "Parent Relationship"}
    tree: dict[str, object] = {
        "Node Type": kind,
        "Plan Rows": 1,
        "Actual Rows": 1,
        "Actual Loops": loops,
        "Actual Startup Time": 0.0,
        "Actual Total Time": ms,
    }
    tree |= {names.get(key, key.replace("_", " ")): value for key, value in more.items()}
    if below:
        for place, each in enumerate(below):
            each.setdefault("Parent Relationship", "Outer" if place == 0 else "Inner")
        tree["Plans"] = list(below)
    return tree


def plan(root: dict[str, object], **around: object) -> Plan:
    """A plan of nodes written down."""
    return build({"Plan": root, **{key.replace("_", " "): value for key, value in around.items()}})


def find(found: Plan, kind: str, relation: str = "") -> Node:
    """The one node of a kind, on a relation where that is needed."""
    fitting = [
        each for each in found.nodes if each.kind == kind and relation in ("", each.relation)
    ]
    assert len(fitting) == 1, [each.kind for each in found.nodes]
    return fitting[0]
