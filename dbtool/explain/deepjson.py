"""Decode JSON of any depth: a plan nests two levels per node, and the standard decoder recurses."""

import json
import re
from typing import Any

_DECODE = json.JSONDecoder()
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:(?P<opening>[\[{])|(?P<closing>[\]}])|(?P<between>[,:])|(?P<string>")'
    r"|(?P<scalar>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null))"
)


def loads(text: str) -> Any:
    """What `json.loads` returns, however deep the text nests."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        return _loads_without_recursion(text)


def _refuse(word: str) -> Any:
    """Python reads NaN and Infinity, which JSON has not and no sum survives."""
    raise ValueError(f"{word} is no number of JSON")


def _loads_without_recursion(text: str) -> Any:
    """Keep the open containers on a list; commas and colons are taken to be where they belong."""
    document: list[Any] = []
    inside: list[Any] = [document]
    keys: list[str | None] = [None]
    position, end = 0, len(text.rstrip(" \t\n\r"))
    while position < end:
        token = _TOKEN.match(text, position)
        if token is None:
            raise json.JSONDecodeError("Expecting value", text, position)
        position = token.end()
        match token.lastgroup:
            case "opening":
                value: Any = [] if token["opening"] == "[" else {}
                _put(inside[-1], keys, value)
                inside.append(value)
                keys.append(None)
            case "closing":
                if len(inside) == 1 or (token["closing"] == "]") != isinstance(inside[-1], list):
                    raise json.JSONDecodeError("Unexpected end of a container", text, position - 1)
                inside.pop()
                keys.pop()
            case "string":
                value, position = _DECODE.raw_decode(text, position - 1)
                _put(inside[-1], keys, value)
            case "scalar":
                _put(inside[-1], keys, json.loads(token["scalar"]))
    if len(inside) > 1 or len(document) != 1:
        raise json.JSONDecodeError("Expecting one value", text, end)
    return document[0]


def _put(container: Any, keys: list[str | None], value: Any) -> None:
    """Add a value to a container; in an object a string without a key before it is the key."""
    if isinstance(container, list):
        container.append(value)
    elif keys[-1] is None:
        keys[-1] = str(value)
    else:
        container[keys[-1]] = value
        keys[-1] = None
