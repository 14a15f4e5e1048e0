"""Decode the YAML that EXPLAIN prints: maps and lists by indentation, one scalar a line."""

import json
import re

_ENTRY = re.compile(
    r'^(?P<blank> *)(?P<dash>- )?(?:(?P<key>[A-Z][^:"]*):(?: (?P<value>.*))?|(?P<item>.*))$'
)
_OPEN_STRING = re.compile(r'(?:: |- )"(?:[^"\\]|\\.)*$')


def loads(text: str) -> object:
    """The value; ValueError where a line fits nowhere."""
    root: list[object] = []
    stack: list[tuple[int, object]] = [(-1, root)]
    lines = [line for line in text.split("\n") if line.strip()]
    for place, line in enumerate(lines):
        found = _ENTRY.match(line)
        if found is None or _OPEN_STRING.search(line):
            raise ValueError(f"it is not YAML as EXPLAIN prints it: {line.strip()}")
        column = len(found["blank"])
        while len(stack) > 1 and stack[-1][0] >= column + (1 if found["dash"] else 0):
            stack.pop()
        if found["dash"]:
            column = _item(stack, column, found)
        elif len(stack) == 1 and not root and not column:
            # A server logs the one plan without a list around it.
            root.append({})
            stack.append((-1, root[0]))
        if found["key"]:
            _entry(stack, column, found, lines[place + 1 : place + 2])
    return root


def _item(stack: list[tuple[int, object]], column: int, found: "re.Match[str]") -> int:
    """A line that begins an item of the innermost list; where its own keys stand."""
    while len(stack) > 1 and not isinstance(stack[-1][1], list):
        stack.pop()
    above = stack[-1][1]
    assert isinstance(above, list)
    if found["key"]:
        item: dict[str, object] = {}
        above.append(item)
        stack.append((column + 1, item))
        return column + 2
    above.append(_scalar(found["item"]))
    return column


def _entry(
    stack: list[tuple[int, object]], column: int, found: "re.Match[str]", after: list[str]
) -> None:
    above = stack[-1][1]
    if not isinstance(above, dict):
        raise ValueError(f"it is not YAML as EXPLAIN prints it: {found[0].strip()}")
    value = (found["value"] or "").strip()
    if value:
        above[found["key"]] = _scalar(value)
        return
    deeper = [each for each in after if len(each) - len(each.lstrip()) > column]
    starts_list = not deeper or deeper[0].lstrip().startswith("- ")
    inner: object = [] if starts_list else {}
    above[found["key"]] = inner
    stack.append((column, inner))


def _scalar(text: str) -> object:
    text = text.strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
