"""Values that are not keys or times: text, numbers, choices, documents, lists."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from dbtool.seed.rows import NULL, Generator, Rows
from dbtool.seed.stream import BLOCK

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_WORTHWHILE = 32 * BLOCK
"""The rows of a column from which on it pays to know each text beforehand."""
_FEW = 10_001
"""The different numbers up to which what is known beforehand stays small: half a megabyte."""


@lru_cache(maxsize=32)
def _skewed(low: int, span: int) -> "tuple[array[int], tuple[str, ...]]":
    """Which number comes of each 16 bits, and each as text; rows make the same ones again."""
    places = array("H", (part * part * part * span >> 48 for part in range(2**16)))
    return places, tuple(str(low + number) for number in range(span))


def escaped(text: str) -> str:
    """Text as COPY's text format reads it."""
    return text.translate(_ESCAPES)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value in every row."""

    text: str
    kind: str = "constant"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The value, once per row."""
        return [self.text] * rows.size


@dataclass(frozen=True, slots=True)
class Pool:
    """One of many prepared values; columns with the same `draw` pick the same place."""

    draw: str
    values: tuple[str, ...]
    kind: str = "words"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values picked."""
        values, count = self.values, len(self.values)
        if count & (count - 1) == 0:
            mask = count - 1
            return [values[word & mask] for word in rows.words(self.draw)]
        return [values[word % count] for word in rows.words(self.draw)]


@dataclass(frozen=True, slots=True)
class Weighted:
    """One of a few values, some of them more often."""

    column: str
    values: tuple[str, ...]
    kind: str = "choice"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values picked."""
        count = len(self.values)
        slots = [self.values[octet * count >> 8] for octet in range(256)]
        return list(map(slots.__getitem__, rows.octets(self.column)))


@dataclass(frozen=True, slots=True)
class Numbered:
    """Prepared text with the row's number behind it: unique without looking back."""

    draw: str
    values: tuple[str, ...]
    separator: str = "-"
    endings: tuple[str, ...] = ("",)
    kind: str = "unique words"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        values, separator, endings = self.values, self.separator, self.endings
        count, ends = len(values), len(endings)
        if ends == 1 and not endings[0]:
            return [
                f"{values[word % count]}{separator}{number}"
                for number, word in enumerate(rows.words(self.draw), rows.start + 1)
            ]
        return [
            f"{values[word % count]}{separator}{index + 1}{endings[(word >> 13) % ends]}"
            for index, word in zip(rows.indices, rows.words(self.draw), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list in its own order; when it is used up it begins again with a number behind."""

    values: tuple[str, ...]
    separator: str = " "
    kind: str = "list"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        values, count = self.values, len(self.values)
        return [
            values[index]
            if index < count
            else f"{values[index % count]}{self.separator}{index // count + 1}"
            for index in rows.indices
        ]


@dataclass(frozen=True, slots=True)
class Formatted:
    """A code with the row's number in it, `{}` in the template."""

    template: str
    kind: str = "code"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The codes."""
        return [self.template.format(index + 1) for index in rows.indices]


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers between two ends; `skewed` makes small ones commoner."""

    column: str
    low: int
    high: int
    skewed: bool = False
    kind: str = "whole number"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The numbers."""
        low, span = self.low, self.high - self.low + 1
        if self.skewed and span <= _FEW and rows.population.count >= _WORTHWHILE:
            places, known = _skewed(low, span)
            halves = rows.stream(self.column).halves(rows.block, rows.size)
            return [known[places[half]] for half in halves]
        words = rows.words(self.column)
        if self.skewed:
            return [str(low + ((part := word >> 16) * part * part * span >> 48)) for word in words]
        return [str(low + (word * span >> 32)) for word in words]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Decimal numbers: whole multiples of the last place, with `ending` in the last places."""

    column: str
    low: int
    high: int
    scale: int
    kind: str = "number"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The numbers."""
        units = Whole(self.column, self.low, self.high).texts(rows)
        return [point(int(unit), self.scale) for unit in units]


def point(units: int, scale: int) -> str:
    """A number of units of the last place as text: point(1299, 2) is 12.99."""
    if scale == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**scale)
    return f"{sign}{whole}.{part:0{scale}d}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number not below another column's, by one of a few margins."""

    column: str
    other: str
    scale: int
    kind: str = "not below another column"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The numbers; any number where the other is NULL or left to the server."""
        octets = rows.octets(self.column)
        if self.other not in rows.population.generators:
            return [self._raised("0", octet) for octet in octets]
        return [
            self._raised("0" if other == NULL else other, octet)
            for other, octet in zip(rows.texts(self.other), octets, strict=True)
        ]

    def _raised(self, other: str, octet: int) -> str:
        units = int(Decimal(other).scaleb(self.scale))
        step = 10**self.scale
        return point(units + step * (1 + octet % 8) + units * (octet % 4) // 10, self.scale)


@dataclass(frozen=True, slots=True)
class Sometimes:
    """Another generator's value, NULL in a share (of 256) of the rows."""

    column: str
    inner: Generator
    null_share: int

    @property
    def kind(self) -> str:
        """The other generator's name."""
        return self.inner.kind

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values, some of them NULL."""
        octets = rows.octets(f"{self.column}/null")
        return [
            NULL if octet < self.null_share else text
            for text, octet in zip(self.inner.texts(rows), octets, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes, as COPY reads a bytea."""

    column: str
    length: int = 16
    kind: str = "bytes"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        data = rows.stream(self.column).octets(rows.block, rows.size * self.length).hex()
        width = 2 * self.length
        return [f"\\\\x{data[at : at + width]}" for at in range(0, rows.size * width, width)]
