"""Values for placeholders from a file: JSON, or a NAME=VALUE on each line."""

import json
from collections.abc import Iterator

from dbtool.errors import UsageError
from dbtool.sql.values import as_text

_HINT = 'Write {"name": value, …}, [value, …] for $1, or NAME=VALUE lines.'


class InOrder(str):
    """A value that its place gives to a placeholder, whatever it looks like."""

    __slots__ = ()


def values(text: str, name: str) -> tuple[str, ...]:
    """What `--param` would have been given."""
    if text.lstrip()[:1] not in ("{", "["):
        return tuple(_lines(text, name))
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise UsageError(f"{name} is not JSON", detail=where, hint=_HINT) from error
    if isinstance(found, list):
        return tuple(InOrder(_shown(each)) for each in found)
    numbered = [f"{place}" for place in range(1, len(found) + 1)]
    plain = {key.lstrip("$"): value for key, value in found.items()}
    if found and sorted(plain, key=str) == sorted(numbered):
        return tuple(InOrder(_shown(plain[key])) for key in numbered)
    return tuple(f"{key}={_shown(value)}" for key, value in found.items())


def _lines(text: str, name: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if "=" not in line:
            raise UsageError(f"line {number} of {name} has no NAME=VALUE", hint=_HINT)
        key, _, value = line.partition("=")
        yield f"{key.strip()}={value.strip()}"


def _shown(value: object) -> str:
    text = as_text(value)
    return "NULL" if text is None else text
