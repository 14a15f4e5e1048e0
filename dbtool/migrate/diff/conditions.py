"""How a server prints plain conditions over columns; None wherever that is not certain."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NAME = r'(?:"[^"]+"|[a-z_][a-z0-9_]*)'
TEXT = r"'(?:[^'\\]|'')*'"
WHOLE = r"(?:0|[1-9]\d{0,8})"
WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})
STAMPS = frozenset({"timestamp with time zone", "timestamp without time zone"})
_TOKEN = re.compile(
    rf"\s*(?:(?P<text>{TEXT})|(?P<part>\d+\.\d+)|(?P<whole>{WHOLE})(?![\w.])|"
    r"(?P<sign><=|>=|<>|!=|!~|<|>|=|~)(?![-+*/<>=~!@#%^&|`?])|(?P<mark>[(),])|"
    r'(?P<name>"[^"]+"|[A-Za-z_][A-Za-z0-9_]*))'
)
_ORDERED = STAMPS | {"date", "text", "boolean", "uuid"}
_LENGTHS = frozenset({"length", "char_length"})
_PATTERNS = {"~": "~", "!~": "!~", "LIKE": "~~"}


class _Uncertain(Exception):
    """Something was said that only a server can be asked about."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A column, a function of one or a literal; a literal's kind is its token's."""

    printed: str
    kind: str

    @property
    def bare(self) -> str:
        """The type without its size; an array is none of those known here."""
        return "" if self.kind.endswith("[]") else self.kind.partition("(")[0]


def condition(said: str, kinds: Mapping[str, str], enums: Mapping[str, str]) -> str | None:
    """A condition over columns of printed types, of which `enums` are enumerations."""
    try:
        reader = _Reader(said, kinds, frozenset(enums.values()))
        printed, _ = reader.either()
        return None if reader.tokens else printed
    except _Uncertain:
        return None


def function(said: str, kinds: Mapping[str, str]) -> str | None:
    """A function of one column, as an index has it."""
    try:
        reader = _Reader(said, kinds, frozenset())
        value = reader.value()
    except _Uncertain:
        return None
    return None if reader.tokens or value.kind in ("whole", "part", "literal") else value.printed


class _Reader:
    """Reads a condition from its beginning; each part is printed as soon as it is read."""

    def __init__(self, said: str, kinds: Mapping[str, str], enums: frozenset[str]) -> None:
        self.kinds, self.enums = kinds, enums
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while said[at:].strip():
            found = _TOKEN.match(said, at)
            if found is None or found.lastgroup is None:
                raise _Uncertain
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens.reverse()

    def either(self) -> tuple[str, str]:
        """What OR joins, and by what it is joined at its outside."""
        return self._joined("OR", lambda: self._joined("AND", self._one))

    def _joined(self, word: str, read: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        parts = [read()]
        while self._takes(word):
            parts.append(read())
        if len(parts) == 1:
            return parts[0]
        if any(joined == word for _, joined in parts):
            raise _Uncertain  # whether the server makes one of both depends on their place
        return "(" + f" {word} ".join(each for each, _ in parts) + ")", word

    def _one(self) -> tuple[str, str]:
        if self._takes("NOT"):
            value = self.value()
            if value.kind != "boolean":
                raise _Uncertain
            return f"(NOT {value.printed})", ""
        if self._takes("("):
            inside = self.either()
            self._needs(")")
            return inside
        return self._told(self.value())

    def _told(self, value: _Value) -> tuple[str, str]:
        """What is said of a value, and AND where that is two things."""
        if self._takes("IS"):
            return self._state(value), ""
        if self._takes("BETWEEN"):
            low = self._compared(value, ">=", self.value())
            self._needs("AND")
            return f"({low} AND {self._compared(value, '<=', self.value())})", "AND"
        excluded = self._takes("NOT")
        if excluded or (self.tokens and self.tokens[-1][1].upper() == "IN"):
            self._needs("IN")
            return self._among(value, excluded), ""
        if self._takes("LIKE"):
            return self._compared(value, "LIKE", self.value()), ""
        if self.tokens and self.tokens[-1][0] == "sign":
            return self._compared(value, self.tokens.pop()[1], self.value()), ""
        if value.kind != "boolean":
            raise _Uncertain
        return value.printed, ""

    def _state(self, value: _Value) -> str:
        no = " NOT" if self._takes("NOT") else ""
        word = next((each for each in ("NULL", "TRUE", "FALSE") if self._takes(each)), "")
        if not word or (word != "NULL" and value.kind != "boolean"):
            raise _Uncertain
        return f"({value.printed} IS{no} {word})"

    def value(self) -> _Value:
        """A literal, a column, or a function of a column."""
        kind, said = self.tokens.pop() if self.tokens else ("", "")
        if kind in ("whole", "part"):
            return _Value(said, kind)
        if kind == "text":
            return _Value(said, "literal")
        if kind != "name":
            raise _Uncertain
        if said in self.kinds:
            return _Value(said, self.kinds[said])
        if said.lower() in ("true", "false"):
            return _Value(said.lower(), "constant")
        if said in (*_LENGTHS, "lower", "upper") and self._takes("("):
            inside = _text(self.value())
            self._needs(")")
            return _Value(f"{said}({inside})", "integer" if said in _LENGTHS else "text")
        raise _Uncertain

    def _compared(self, left: _Value, sign: str, right: _Value) -> str:
        sign = "<>" if sign == "!=" else sign
        if sign in _PATTERNS:
            plain = left.bare == "character" and sign != "LIKE"
            shown = left.printed if plain else _text(left)
            if right.kind != "literal":
                raise _Uncertain
            return f"({shown} {_PATTERNS[sign]} {right.printed}::text)"
        return f"({' '.join(self._sides(left, sign, right))})"

    def _sides(self, left: _Value, sign: str, right: _Value) -> tuple[str, str, str]:
        mine, theirs = left.bare, right.bare
        texts = {"text", "character varying"}
        if mine in texts and (theirs in texts or theirs == "literal"):
            return _text(left), sign, _text(right)
        if theirs == "literal" and (mine == "character" or left.kind in self.enums):
            return left.printed, sign, f"{right.printed}::{_called(left)}"
        if theirs == "whole" and mine == "numeric":
            return left.printed, sign, f"({right.printed})::numeric"
        alike = mine in WHOLE_NUMBERS and theirs in (*WHOLE_NUMBERS, "whole")
        alike |= mine == "numeric" and theirs in ("numeric", "part")
        alike |= mine == "boolean" and theirs == "constant" and sign in ("=", "<>")
        alike |= left.kind == right.kind and (mine in _ORDERED or left.kind in self.enums)
        if not alike:
            raise _Uncertain
        return left.printed, sign, right.printed

    def _among(self, value: _Value, no: bool) -> str:
        self._needs("(")
        values = [self.value()]
        while self._takes(","):
            values.append(self.value())
        self._needs(")")
        if len(values) == 1:
            return self._compared(value, "<>" if no else "=", values[0])
        kinds = {each.kind for each in values}
        how = "<> ALL" if no else "= ANY"
        if kinds == {"whole"} and value.bare in ("smallint", "integer"):
            return f"({value.printed} {how} (ARRAY[{', '.join(e.printed for e in values)}]))"
        known = value.bare in ("character varying", "text") or value.kind in self.enums
        if kinds != {"literal"} or not known:
            raise _Uncertain
        listed = ", ".join(f"{each.printed}::{_called(value)}" for each in values)
        if value.bare == "character varying":
            return f"({_text(value)} {how} ((ARRAY[{listed}])::text[]))"
        return f"({value.printed} {how} (ARRAY[{listed}]))"

    def _takes(self, word: str) -> bool:
        if not self.tokens or self.tokens[-1][0] not in ("name", "mark"):
            return False
        if self.tokens[-1][1].upper() != word:
            return False
        self.tokens.pop()
        return True

    def _needs(self, word: str) -> None:
        if not self._takes(word):
            raise _Uncertain


def _called(value: _Value) -> str:
    """What a literal of its type is labelled with."""
    return "bpchar" if value.bare == "character" else value.bare


def _text(value: _Value) -> str:
    """A value where a text is wanted."""
    if value.bare == "character varying":
        return f"({value.printed})::text"
    if value.kind == "literal":
        return f"{value.printed}::text"
    if value.kind != "text":
        raise _Uncertain
    return value.printed
