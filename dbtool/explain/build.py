"""Build the typed plan from the objects of EXPLAIN's JSON output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from dbtool.explain.plan import BLOCK_FIELDS, Actual, Buffers, Node, Plan, Trigger, Value, Worker

Tree = Mapping[str, Value]

BLOCK_KEYS = tuple(name.replace("_", " ").title() + " Blocks" for name in BLOCK_FIELDS)
_CORE_KEYS = frozenset(
    {
        "Node Type",
        "Parent Relationship",
        "Subplan Name",
        "Startup Cost",
        "Total Cost",
        "Plan Rows",
        "Plan Width",
        "Actual Startup Time",
        "Actual Total Time",
        "Actual Rows",
        "Actual Loops",
        "Workers",
        "Plans",
        *BLOCK_KEYS,
    }
)
_PLAN_KEYS = frozenset({"Plan", "Planning Time", "Execution Time", "Triggers", "Settings"})


def build(document: Tree) -> Plan:
    """The plan in one object of PostgreSQL's JSON output; ValueError where it is none."""
    triggers = cast(list[Tree], document.get("Triggers") or [])
    settings = cast(dict[str, str], document.get("Settings") or {})
    return Plan(
        nodes=_nodes(cast(Tree, document["Plan"])),
        planning_time=_optional(document.get("Planning Time")),
        execution_time=_optional(document.get("Execution Time")),
        triggers=tuple(_trigger(each) for each in triggers),
        settings={name: str(value) for name, value in settings.items()},
        props={key: value for key, value in document.items() if key not in _PLAN_KEYS},
    )


@dataclass(slots=True)
class _Place:
    """Where a node stands, found on the way down; its end only on the way back."""

    tree: Tree
    parent: int
    depth: int
    children: list[int]
    end: int = 0


def _nodes(root: Tree) -> tuple[Node, ...]:
    places: list[_Place] = []
    waiting: list[tuple[Tree, int, int]] = [(root, 0, 0)]
    while waiting:
        tree, parent, depth = waiting.pop()
        if not isinstance(tree, Mapping) or "Node Type" not in tree:
            raise ValueError(f'node {len(places) + 1} has no "Node Type"')
        places.append(_Place(tree, parent, depth, []))
        number = len(places)
        if parent:
            places[parent - 1].children.append(number)
        below = cast(list[Tree], tree.get("Plans") or ())
        waiting.extend((each, number, depth + 1) for each in reversed(below))
    for number in range(len(places), 0, -1):
        last = places[number - 1].children[-1:]
        places[number - 1].end = places[last[0] - 1].end if last else number + 1
    return tuple(_node(number, place) for number, place in enumerate(places, 1))


def _node(number: int, place: _Place) -> Node:
    tree = place.tree
    workers = cast(list[Tree], tree.get("Workers") or ())
    return Node(
        id=number,
        parent=place.parent,
        depth=place.depth,
        kind=str(tree["Node Type"]),
        relationship=str(tree.get("Parent Relationship", "")),
        subplan=str(tree.get("Subplan Name", "")),
        startup_cost=_number(tree.get("Startup Cost")),
        total_cost=_number(tree.get("Total Cost")),
        plan_rows=_number(tree.get("Plan Rows")),
        plan_width=int(_number(tree.get("Plan Width"))),
        actual=_actual(tree),
        buffers=_buffers(tree),
        workers=tuple(_worker(each) for each in workers),
        props={key: value for key, value in tree.items() if key not in _CORE_KEYS},
        children=tuple(place.children),
        end=place.end,
    )


def _actual(tree: Tree) -> Actual | None:
    loops = tree.get("Actual Loops")
    if loops is None:
        return None
    return Actual(
        rows=_number(tree.get("Actual Rows")),
        loops=int(_number(loops)),
        startup=_optional(tree.get("Actual Startup Time")),
        total=_optional(tree.get("Actual Total Time")),
    )


def _buffers(tree: Tree) -> Buffers | None:
    if "Shared Hit Blocks" not in tree:
        return None
    return Buffers(*(int(_number(tree.get(key))) for key in BLOCK_KEYS))


def _worker(tree: Tree) -> Worker:
    props = {key: value for key, value in tree.items() if key not in _CORE_KEYS}
    return Worker(int(_number(props.pop("Worker Number", 0))), _actual(tree), props)


def _trigger(tree: Tree) -> Trigger:
    return Trigger(
        name=str(tree.get("Trigger Name", "")),
        relation=str(tree.get("Relation", "")),
        constraint=str(tree.get("Constraint Name", "")),
        time=_number(tree.get("Time")),
        calls=int(_number(tree.get("Calls"))),
    )


def _number(value: Value) -> float:
    return value if isinstance(value, int | float) else 0


def _optional(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) else None
