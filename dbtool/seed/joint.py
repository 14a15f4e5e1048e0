"""Values of several columns that are chosen together: digits of the row's number, and masks."""

from collections.abc import Sequence
from dataclasses import dataclass

from dbtool.seed.rows import Generator, Rows


@dataclass(frozen=True, slots=True)
class Each:
    """Each of a few values once, in their order; the table has no more rows than values."""

    values: tuple[str, ...]
    kind: str = "each value once"

    @property
    def limit(self) -> int:
        """How many rows there can be."""
        return len(self.values)

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        count = len(self.values)
        return [self.values[index % count] for index in rows.indices]


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit of the row's number, or of its place among its siblings, in mixed radix.

    Columns that together make a row unique each take a digit, so that no two rows agree.
    """

    values: tuple[str, ...]
    stride: int
    of_parent: bool
    kind: str = "each combination once"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        numbers: Sequence[int] = rows.dealt.ordinals if self.of_parent else rows.indices
        values, stride, count = self.values, self.stride, len(self.values)
        return [values[number // stride % count] for number in numbers]


@dataclass(frozen=True, slots=True)
class Kept:
    """In an option of a mask: the column's own value."""


KEPT = Kept()
Part = str | Kept


@dataclass(frozen=True, slots=True)
class Masked:
    """A column whose own value is kept, or replaced, as the option drawn for the row says."""

    group: str
    inner: Generator
    parts: tuple[Part, ...]

    @property
    def kind(self) -> str:
        """The generator's name."""
        return self.inner.kind

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        parts, count = self.parts, len(self.parts)
        own: Sequence[str] = ()
        if any(part is KEPT for part in parts):
            own = self.inner.texts(rows)
        drawn = [parts[octet * count >> 8] for octet in rows.octets(self.group)]
        return [own[place] if isinstance(part, Kept) else part for place, part in enumerate(drawn)]


@dataclass(frozen=True, slots=True)
class Tuples:
    """A column of prepared rows that hold together; columns of one group pick the same one."""

    group: str
    values: tuple[str, ...]
    kind: str = "accepted sample"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        values, count = self.values, len(self.values)
        return [values[word % count] for word in rows.words(self.group)]
