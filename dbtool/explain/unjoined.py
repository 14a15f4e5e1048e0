"""Joins without a condition: every row of one side meets every row of the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbtool.explain.plan import Node, Plan

_CONDITIONS = (
    *("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond"),
    *("Function Call", "Table Function Call", "Order By", "TID Cond"),
)


@dataclass(frozen=True, slots=True)
class Unjoined:
    """A join without a condition, and the names on its two sides."""

    node: Node
    left: tuple[str, ...]
    right: tuple[str, ...]


def unjoined(plan: Plan) -> Iterator[Unjoined]:
    """Each such join; a side of one row multiplies nothing."""
    for node in plan.nodes:
        if node.kind != "Nested Loop" or node.text("Join Filter"):
            continue
        outer, inner, *_ = (*plan.children(node), None, None)
        if outer is None or inner is None or min(outer.plan_rows, inner.plan_rows) <= 1:
            continue
        left, right = _names(plan, outer), _names(plan, inner)
        if left and right and not _mentions(plan, inner, left):
            yield Unjoined(node, left, right)


def _names(plan: Plan, node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.alias for each in (node, *plan.below(node)) if each.alias))


def _mentions(plan: Plan, node: Node, names: tuple[str, ...]) -> bool:
    """Whether a condition on the inner side speaks of the outer one."""
    pattern = re.compile("|".join(rf'(?<![\w"])"?{re.escape(name)}"?\.' for name in names))
    below = (node, *plan.below(node))
    return any(pattern.search(each.text(key)) for each in below for key in _CONDITIONS) or any(
        pattern.search(shown) for each in below for shown in each.texts("Output")
    )
