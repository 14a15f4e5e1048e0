"""Build the typed plan from the objects of EXPLAIN's JSON output."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from dbtool.explain.plan import (
    BLOCK_FIELDS,
    GATHERS,
    Actual,
    Buffers,
    Node,
    Plan,
    Trigger,
    Value,
    Worker,
)

Tree = Mapping[str, Value]

BLOCK_KEYS = tuple(name.replace("_", " ").title() + " Blocks" for name in BLOCK_FIELDS)
_BLOCKS = itemgetter(*BLOCK_KEYS)
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
_EXPECTED = ("Startup Cost", "Total Cost", "Plan Rows", "Plan Width")
_EXPECTATIONS = itemgetter(*_EXPECTED)
_ACTUALS = itemgetter("Actual Rows", "Actual Loops", "Actual Startup Time", "Actual Total Time")
_PLAN_KEYS = frozenset({"Plan", "Planning Time", "Execution Time", "Triggers", "Settings"})


def build(document: Tree) -> Plan:
    """The plan in one object of PostgreSQL's JSON output; ValueError where it is none."""
    try:
        return _plan(document)
    except TypeError as error:
        raise ValueError(f"a value has the wrong type: {error}") from error
    except OverflowError as error:
        raise ValueError(f"a value is too large: {error}") from error


def _plan(document: Tree) -> Plan:
    settings = document.get("Settings")
    return Plan(
        nodes=_nodes(cast(Tree, document["Plan"])),
        planning_ms=_optional(document.get("Planning Time")),
        execution_ms=_optional(document.get("Execution Time")),
        triggers=tuple(_trigger(each) for each in _objects(document.get("Triggers"))),
        settings=_texts(settings) if isinstance(settings, dict) else {},
        props={key: value for key, value in document.items() if key not in _PLAN_KEYS},
    )


@dataclass(slots=True)
class _Place:
    """Where a node stands, found on the way down; its end only on the way back."""

    tree: Tree
    parent: int
    gather: int
    depth: int
    children: list[int]
    end: int = 0


def _nodes(root: Tree) -> tuple[Node, ...]:
    places: list[_Place] = []
    waiting: list[tuple[Tree, int, int]] = [(root, 0, 0)]
    while waiting:
        tree, parent, depth = waiting.pop()
        if not isinstance(tree, dict) or "Node Type" not in tree:
            raise ValueError(f'node {len(places) + 1} has no "Node Type"')
        places.append(_Place(tree, parent, _gather(tree, parent, places), depth, []))
        number = len(places)
        if parent:
            places[parent - 1].children.append(number)
        below = cast("list[Tree]", tree.get("Plans") or ())
        waiting.extend([(each, number, depth + 1) for each in reversed(below)])
    for number in range(len(places), 0, -1):
        last = places[number - 1].children[-1:]
        places[number - 1].end = places[last[0] - 1].end if last else number + 1
    rest = _Rest()
    return tuple(_node(number, place, rest) for number, place in enumerate(places, 1))


def _gather(tree: Tree, parent: int, places: list[_Place]) -> int:
    """The Gather whose workers run a node; its InitPlans are the leader's."""
    if not parent:
        return 0
    above = places[parent - 1]
    if above.tree["Node Type"] in GATHERS and tree.get("Parent Relationship") != "InitPlan":
        return parent
    return above.gather


class _Rest(dict[tuple[str, ...], tuple[str, ...]]):
    """The keys that are no field of their own, by all keys: nodes are of a few kinds."""

    def __missing__(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        found = self[keys] = tuple(key for key in keys if key not in _CORE_KEYS)
        return found


def _node(number: int, place: _Place, rest: _Rest) -> Node:
    """A node, its values in the order of the fields: by name they take three times as long."""
    tree = place.tree
    startup, total, rows, width = _expectations(tree)
    return Node(
        number,
        place.parent,
        place.gather,
        place.depth,
        str(tree["Node Type"]),
        str(tree.get("Parent Relationship", "")),
        str(tree.get("Subplan Name", "")),
        startup,
        total,
        rows,
        int(width),
        _actual(tree),
        _buffers(tree),
        _workers(tree),
        {key: tree[key] for key in rest[tuple(tree)]},
        tuple(place.children),
        place.end,
    )


def _expectations(tree: Tree) -> tuple[float, ...]:
    """Costs and rows; what is no number is 0."""
    try:
        found: tuple[float, ...] = _EXPECTATIONS(tree)
        sum(found)  # a TypeError here says that one is no number
    except (KeyError, TypeError):
        return tuple(_number(tree.get(key)) for key in _EXPECTED)
    return found


def _actual(tree: Tree) -> Actual | None:
    """Rows, loops and times; what is no number is 0 or none."""
    try:
        found = _ACTUALS(tree)
        sum(found)  # a TypeError here says that one is no number
    except (KeyError, TypeError):
        return _actual_in_part(tree)
    rows, loops, startup, total = found
    return Actual(rows, int(loops), startup, total)


def _actual_in_part(tree: Tree) -> Actual | None:
    get = tree.get
    if (loops := get("Actual Loops")) is None:
        return None
    return Actual(
        _number(get("Actual Rows")),
        int(_number(loops)),
        _optional(get("Actual Startup Time")),
        _optional(get("Actual Total Time")),
    )


def _buffers(tree: Tree) -> Buffers | None:
    if "Shared Hit Blocks" not in tree:
        return None
    try:
        counts = _BLOCKS(tree)
    except KeyError:
        counts = tuple(tree.get(key, 0) for key in BLOCK_KEYS)
    sum(counts)  # a TypeError here says that one is no number
    return Buffers(*counts)


def _workers(tree: Tree) -> tuple[Worker, ...]:
    workers = tree.get("Workers")
    return tuple(map(_worker, _objects(workers))) if workers else ()


def _worker(tree: Tree) -> Worker:
    props = {key: value for key, value in tree.items() if key not in _CORE_KEYS}
    return Worker(int(_number(props.pop("Worker Number", 0))), _actual(tree), props)


def _trigger(tree: Tree) -> Trigger:
    return Trigger(
        name=str(tree.get("Trigger Name", "")),
        relation=str(tree.get("Relation", "")),
        constraint=str(tree.get("Constraint Name", "")),
        time_ms=_number(tree.get("Time")),
        calls=int(_number(tree.get("Calls"))),
    )


def _objects(value: Value) -> list[Tree]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Tree) -> dict[str, str]:
    return {name: str(each) for name, each in value.items()}


def _number(value: Value) -> float:
    return value if isinstance(value, (float, int)) else 0


def _optional(value: Value) -> float | None:
    return value if isinstance(value, (float, int)) else None
