"""Joins without a condition: every row of one side meets every row of the other."""

import re
from collections.abc import Iterator

from dbtool.explain.plan import Node, Plan

_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond")


def unjoined(plan: Plan) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The names on both sides of each such join; a side of one row multiplies nothing."""
    for node in plan.nodes:
        if node.kind != "Nested Loop" or node.text("Join Filter"):
            continue
        outer, inner, *_ = (*plan.children(node), None, None)
        if outer is None or inner is None or min(outer.plan_rows, inner.plan_rows) <= 1:
            continue
        left, right = _names(plan, outer), _names(plan, inner)
        if left and right and not _mentions(plan, inner, left):
            yield left, right


def _names(plan: Plan, node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.alias for each in (node, *plan.below(node)) if each.alias))


def _mentions(plan: Plan, node: Node, names: tuple[str, ...]) -> bool:
    """Whether a condition on the inner side speaks of the outer one."""
    pattern = re.compile("|".join(rf'(?<![\w"])"?{re.escape(name)}"?\.' for name in names))
    return any(
        pattern.search(each.text(key)) for each in (node, *plan.below(node)) for key in _CONDITIONS
    )
