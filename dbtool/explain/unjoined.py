"""Joins without a condition: every row of one side meets every row of the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbtool.explain.plan import Node, Plan

_CONDITIONS = (
    *("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond"),
    *("Function Call", "Table Function Call", "Order By", "TID Cond"),
)
_QUALIFIER = re.compile(r'(?<![\w"$])(?:"((?:[^"]|"")*)"|([\w$]+))\.')
"""What stands before the name of a column."""


@dataclass(frozen=True, slots=True)
class Unjoined:
    """A join without a condition, and the names on its two sides."""

    node: Node
    left: tuple[str, ...]
    right: tuple[str, ...]


def unjoined(plan: Plan) -> Iterator[Unjoined]:
    """Each such join of a plan."""
    for node in plan.nodes:
        if node.kind == "Nested Loop" and (found := product(plan, node)):
            yield found


def product(plan: Plan, node: Node) -> Unjoined | None:
    """What a nested loop multiplies, if it does; a side of one row multiplies nothing."""
    outer, inner, *_ = (*plan.children(node), None, None)
    if node.text("Join Filter") or outer is None or inner is None:
        return None
    if min(outer.plan_rows, inner.plan_rows) <= 1:
        return None
    left, right = _names(plan, outer), _names(plan, inner)
    if not (left and right) or _mentions(plan, inner, frozenset(left)):
        return None
    return Unjoined(node, left, right)


def _names(plan: Plan, node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.alias for each in (node, *plan.below(node)) if each.alias))


def _mentions(plan: Plan, node: Node, names: frozenset[str]) -> bool:
    """Whether a condition on the inner side speaks of the outer one."""
    return any(
        (bare or quoted.replace('""', '"')) in names
        for below in (node, *plan.below(node))
        for shown in (*map(below.text, _CONDITIONS), *below.texts("Output"))
        for quoted, bare in _QUALIFIER.findall(shown)
    )
