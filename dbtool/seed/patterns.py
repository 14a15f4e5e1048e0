"""Text that matches a regular expression, made from the expression itself."""

import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbtool.seed.rows import Rows
from dbtool.seed.values import escaped

_MOST_REPEATS = 6
_PLAIN = string.ascii_letters + string.digits
_POSIX = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9a-fA-F",
    "[:space:]": " ",
    "[:punct:]": "!.,;:-",
}


@dataclass(frozen=True, slots=True)
class Matching:
    """Text whose every place takes one of a few pieces."""

    column: str
    places: tuple[tuple[str, ...], ...]
    of_index: bool = False
    kind: str = "text of a pattern"

    @property
    def limit(self) -> int:
        """How many texts there are."""
        product = 1
        for pieces in self.places:
            product = min(product * len(pieces), 2**62)
        return product if self.of_index else 2**62

    @property
    def different(self) -> int:
        """How many different texts it can make."""
        return replace(self, of_index=True).limit

    def unique(self) -> "Matching":
        """The same, with another text for each row."""
        return replace(self, of_index=True)

    def texts(self, rows: Rows) -> Sequence[str]:
        """The texts."""
        numbers: Sequence[int] = rows.words(self.column)
        if self.of_index:
            numbers = rows.indices
        return [self.text(number) for number in numbers]

    def text(self, number: int) -> str:
        """One text for each number, as COPY reads it."""
        return escaped(self.plain(number))

    def plain(self, number: int) -> str:
        """One text for each number, in mixed radix from the last place on."""
        made: list[str] = []
        for pieces in reversed(self.places):
            number, place = divmod(number, len(pieces))
            made.append(pieces[place])
        return "".join(reversed(made))


def matching(column: str, regex: str, low: int = 0, high: int | None = None) -> Matching | None:
    """What makes text for an expression; None where it is beyond what can be turned round."""
    python = regex
    for name, plain in _POSIX.items():
        python = python.replace(name, plain)
    try:
        parsed = re._parser.parse(python)  # type: ignore[attr-defined]
        places = _places(parsed, max(low, 1))
    except (re.error, _BeyondError, RecursionError, OverflowError):
        return None
    made = Matching(column, tuple(places))
    samples = [made.plain(number * 7919) for number in range(16)]
    fits = all(len(each) >= low and (high is None or len(each) <= high) for each in samples)
    return made if fits and all(re.search(python, each) for each in samples) else None


class _BeyondError(Exception):
    """Look-around, references and the like."""


def _places(parsed: Any, least: int) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for operation, argument in parsed:
        found += _of(str(operation), argument, least)
    return found


def _of(operation: str, argument: Any, least: int) -> list[tuple[str, ...]]:
    match operation:
        case "LITERAL":
            return [(chr(argument),)]
        case "NOT_LITERAL":
            return [tuple(each for each in _PLAIN if each != chr(argument))]
        case "ANY":
            return [tuple(string.ascii_lowercase)]
        case "IN":
            return [_members(argument)]
        case "AT":
            return []
        case "SUBPATTERN":
            return _places(argument[-1], least)
        case "BRANCH":
            return _alternatives([_places(each, least) for each in argument[1]])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, inner = argument
            times: int = max(low, min(int(high), max(least, _MOST_REPEATS)))
            once: list[tuple[str, ...]] = _places(inner, 1)
            return once * times
    raise _BeyondError


def _alternatives(whole: list[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """One place for words to choose from; else the alternative that makes most texts."""
    if all(len(pieces) == 1 for each in whole for pieces in each):
        return [tuple("".join(piece[0] for piece in each) for each in whole)]
    return max(whole, key=lambda each: math.prod(map(len, each)))


def _members(argument: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    negated = False
    for operation, value in argument:
        match str(operation):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found[chr(value)] = None
            case "RANGE":
                low, high = value
                found |= dict.fromkeys(map(chr, range(low, min(high, low + 127) + 1)))
            case "CATEGORY":
                found |= dict.fromkeys(_category(str(value)))
            case _:
                raise _BeyondError
    if negated:
        found = dict.fromkeys(each for each in _PLAIN if each not in found)
    if not found:
        raise _BeyondError
    return tuple(found)


def _category(name: str) -> str:
    if name.endswith("NOT_DIGIT"):
        return string.ascii_lowercase
    if name.endswith("DIGIT"):
        return string.digits
    if name.endswith("NOT_WORD"):
        return " -."
    if name.endswith("WORD"):
        return _PLAIN
    return " " if not name.endswith("NOT_SPACE") else _PLAIN
