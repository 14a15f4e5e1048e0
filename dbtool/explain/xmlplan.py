"""Read a plan in EXPLAIN's XML format into the objects its JSON format has."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from dbtool.explain.plan import Value
from dbtool.explain.textline import number

_LISTS = frozenset({"Plans", "Workers", "Triggers"})
_TEXTS = frozenset({"Alias", "Relation Name", "Schema", "Index Name", "Filter", "Query Text"})
_KEYS = {
    "Full sort Groups": "Full-sort Groups",
    "Pre sorted Groups": "Pre-sorted Groups",
}
Tree = dict[str, Value]


def documents(text: str) -> Iterator[Tree]:
    """The plans in the text; ValueError where it is no plan."""
    # A plan declares no entities; a text that does could expand to any size.
    if "<!" in text:
        raise ValueError("it is XML with declarations of its own, which no plan has")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"it is not XML: {error}") from error
    for query in root.iter():
        if _tag(query) == "Query" or (query is root and root.find("./{*}Plan") is not None):
            tree = _value(query)
            if not isinstance(tree, dict) or "Plan" not in tree:
                raise ValueError('there is no "Plan" where EXPLAIN puts one')
            yield tree


def _tag(element: "ET.Element") -> str:
    return element.tag.rpartition("}")[2]


def _key(element: "ET.Element") -> str:
    name = _tag(element).replace("I-O-", "I/O ").replace("-", " ")
    return _KEYS.get(name, name)


def _value(top: "ET.Element") -> Value:
    """Build from the leaves up, without recursion: plans may be deep."""
    done: dict[int, Value] = {}
    waiting = [(top, False)]
    while waiting:
        element, ready = waiting.pop()
        if not ready:
            waiting.append((element, True))
            waiting.extend((each, False) for each in element)
        else:
            done[id(element)] = _one(element, done)
    return done[id(top)]


def _one(element: "ET.Element", done: dict[int, Value]) -> Value:
    key = _key(element)
    if not len(element):
        if key in _LISTS:
            return []
        text = element.text or ""
        if key in _TEXTS or key == "Item":
            return text
        return {"true": True, "false": False}.get(text, number(text))
    below = [done[id(each)] for each in element]
    if key in _LISTS or all(_tag(each) == "Item" for each in element):
        return below
    return {_key(each): done[id(each)] for each in element}
