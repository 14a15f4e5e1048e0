"""Read what scenarios draw from: the values of a column, how many rows go to each parent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column

from dbtool.seed.bound import stored
from dbtool.seed.document import Items, Node, Place, Scalar, refuse
from dbtool.seed.expect import known, mapping, number, share, text_of, weight
from dbtool.seed.overrides import ColumnRule, slots

COLUMN_KEYS = ("constant", "choice", "weights", "range", "pattern", "null")
COUNT_KEYS = ("exact", "uniform", "zipf", "weights")
_DRAWN = 256


def column_rule(column: "Column[Any]", node: Node) -> ColumnRule:
    """What is said of one column: a value, a list of them, or a mapping."""
    place = str(node.place)
    if isinstance(node, Scalar):
        return ColumnRule(place, f"always {node.text}", ((stored(column, node), 1.0),))
    if isinstance(node, Items):
        return _weighted(column, place, [(each, 1.0) for each in node.items])
    known(node, COLUMN_KEYS)
    said = node.fields
    makers = [key for key in COLUMN_KEYS if key in said and key != "null"]
    if len(makers) > 1:
        refuse(said[makers[1]].place, f"{makers[0]} and {makers[1]} exclude each other")
    nulls = share(said["null"]) if "null" in said else 0.0 if makers else None
    rule = _rule_of(column, place, makers[0], said[makers[0]]) if makers else ColumnRule(place, "")
    shown = ", ".join(filter(None, (rule.shown, f"{nulls:.0%} NULL" if nulls else "")))
    return replace(rule, nulls=nulls, shown=shown)


def _rule_of(column: "Column[Any]", place: str, how: str, node: Node) -> ColumnRule:
    if how == "constant":
        text = stored(column, node)
        return ColumnRule(place, f"always {text}", ((text, 1.0),))
    if how == "choice":
        if not isinstance(node, Items) or not node.items:
            refuse(node.place, "choice is a list of values")
        return _weighted(column, place, [(each, 1.0) for each in node.items])
    if how == "weights":
        said = mapping(node, "values with their weights")
        pairs = [(Scalar(said.names[name], name, plain=True), weight(each))
                 for name, each in said.fields.items()]  # fmt: skip
        return _weighted(column, place, pairs)
    if how == "range":
        if not isinstance(node, Items) or len(node.items) != 2:
            refuse(node.place, "range is a list of its two ends, as in [1, 10]")
        low, high = (text_of(each, "an end of the range") for each in node.items)
        return ColumnRule(place, f"{low} to {high}", low=low, high=high)
    pattern = text_of(node, "a pattern")
    return ColumnRule(place, pattern, pattern=pattern)


def _weighted(column: "Column[Any]", place: str, pairs: Sequence[tuple[Node, float]]) -> ColumnRule:
    if not pairs or not sum(weight for _, weight in pairs):
        refuse(pairs[0][0].place if pairs else Place(place), "there is nothing to choose from")
    weights = tuple((stored(column, node), weight) for node, weight in pairs)
    total = sum(weight for _, weight in weights)
    parts = [f"{text or 'NULL'} {weight / total:.0%}" for text, weight in weights[:6]]
    more = [f"{len(weights) - 6} more"] if len(weights) > 6 else []
    return ColumnRule(place, ", ".join([*parts, *more]), weights)


def counts(node: Node) -> tuple[int, ...]:
    """How many rows go to each parent: a table the counts are drawn from."""
    if isinstance(node, Scalar):
        return (number(node, 0),)
    if isinstance(node, Items):
        return _uniform(*_ends(node))
    known(node, COUNT_KEYS)
    if len(node.fields) != 1:
        refuse(node.place, f"one of {', '.join(COUNT_KEYS)}")
    ((how, said),) = node.fields.items()
    if how == "exact":
        return (number(said, 0),)
    if how == "weights":
        given = mapping(said, "counts with their weights")
        pairs = [(name, weight(each)) for name, each in given.fields.items()]
        for name, _ in pairs:
            number(Scalar(given.names[name], name, plain=True), 0)
        return tuple(int(text) for text in slots(pairs, _DRAWN))
    low, high = _ends(said)
    if how == "uniform":
        return _uniform(low, high)
    ranked = [(str(low + rank), 1 / (rank + 1)) for rank in range(high - low + 1)]
    drawn = [int(text) for text in slots(ranked, _DRAWN)]
    return (*drawn[:-1], high)


def _uniform(low: int, high: int) -> tuple[int, ...]:
    span = high - low + 1
    if span <= _DRAWN:
        return tuple(range(low, high + 1))
    return tuple(low + at * (span - 1) // (_DRAWN - 1) for at in range(_DRAWN))


def _ends(node: Node) -> tuple[int, int]:
    if not isinstance(node, Items) or len(node.items) != 2:
        refuse(node.place, "the least and the most, as in [3, 10]")
    low, high = (number(each, 0) for each in node.items)
    if high < low:
        refuse(node.place, f"{low} is more than {high}")
    return low, high
