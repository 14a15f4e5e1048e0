"""The order in which a statement needs the rows of a scan, as keys of an index."""

import re
from dataclasses import replace

from dbtool.explain.advice.candidate import IndexKey
from dbtool.explain.advice.tables import Table
from dbtool.explain.advice.terms import SYSTEM, conditions
from dbtool.explain.plan import Node, Plan

_ORDER = re.compile(r"(?P<what>.+?)(?P<down> DESC)?(?: NULLS (?P<nulls>FIRST|LAST))?")
_EXTREME = re.compile(r"(?:min|max)\(((?:(?:\w+|\"[^\"]+\")\.)?(?:\w+|\"[^\"]+\"))\)")

_SORTED = ("", " DESC NULLS LAST", " NULLS FIRST", " DESC")
"""How a key of an index is sorted, by the bits of its options."""


def order(plan: Plan, node: Node, table: Table) -> tuple[IndexKey, ...]:
    """The order the rows of a scan are needed in: of a sort, or of a single least or greatest.

    Where the rows of an index go to a LIMIT as they are found, that is the index's own order.
    """
    for above in reversed(plan.nodes[: node.id - 1]):
        if above.end <= node.id:
            continue
        if above.kind in ("Sort", "Incremental Sort"):
            keys = [_key(each, node.alias) for each in above.texts("Sort Key")]
            return tuple(key for key in keys if key) if all(keys) else ()
        if above.kind == "Aggregate":
            said = " ".join(above.texts("Output"))
            extremes = set(_EXTREME.findall(said))
            if len(extremes) == 1 and not above.texts("Group Key"):
                key = _key(extremes.pop(), node.alias)
                return (key,) if key else ()
            return ()
        if above.kind == "Limit" and "Index Name" in node.props:
            return _of_index(node, table)
    return ()


def _of_index(node: Node, table: Table) -> tuple[IndexKey, ...]:
    index = next((each for each in table.indexes if each.name == node.text("Index Name")), None)
    if index is None or index.method != "btree":
        return ()
    keys = [_key(f"{each.expression}{_SORTED[each.options]}", node.alias) for each in index.keys]
    return tuple(key for key in keys if key) if all(keys) else ()


def _key(text: str, alias: str) -> IndexKey | None:
    """A sort key as the key of an index."""
    parsed = _ORDER.fullmatch(text)
    if parsed is None:
        return None
    about = conditions(f"({parsed['what']}) IS NULL", alias).every
    if not about or about[0].cast or SYSTEM.intersection(about[0].columns):
        return None
    term = about[0]
    nulls = f"NULLS {parsed['nulls']}" if parsed["nulls"] else ""
    return IndexKey(term.key, term.columns, term.column, bool(parsed["down"]), nulls)


def forward(keys: tuple[IndexKey, ...]) -> tuple[IndexKey, ...]:
    """An order all downward is read backwards from an index that is plain."""
    if keys and all(key.descending and not key.nulls for key in keys):
        return tuple(replace(key, descending=False) for key in keys)
    return keys
