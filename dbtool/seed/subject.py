"""A table whose columns are being planned, and what is decided about each of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from dbtool.seed.checks import Bounds, Fact, OneOf
from dbtool.seed.live import LiveColumn, LiveTable
from dbtool.seed.meaning import Meaning
from dbtool.seed.rows import Generator
from dbtool.seed.values import escaped

INTEGERS = {"int2": 32_767, "int4": 2_147_483_647, "int8": 2**63 - 1}
TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
TIMES = frozenset({"timestamptz", "timestamp", "date", "time", "timetz"})

_PEOPLE = re.compile(
    r"(user|person|people|customer|client|employee|author|member|contact|patient|student|account"
    r"|staff|profile|passenger|guest|teacher|doctor|driver|owner)s?$"
)


class Unfit(Exception):
    """No value can be made for a column that needs one; says why."""


class Choice(NamedTuple):
    """The generator of a column, what it was chosen by and how sure that is.

    Without a generator the column is left out, for the server to fill.
    """

    generator: Generator | None
    source: str
    confidence: str
    detail: str = ""


@dataclass(frozen=True)
class Subject:
    """A table, what its CHECKs and the models say, and the columns that differ in each row."""

    live: LiveTable
    meaning: Meaning
    facts: tuple[Fact, ...]
    unique: frozenset[str]
    slots: Mapping[str, Generator] = field(default_factory=dict)

    @cached_property
    def few(self) -> dict[str, tuple[str, ...]]:
        """The columns of few values, and those."""
        found: dict[str, tuple[str, ...]] = {}
        for column in self.live.columns:
            if column.generated:
                continue
            if labels := self.labels(column):
                found[column.name] = tuple(map(escaped, labels))
            elif column.base == "bool":
                found[column.name] = ("f", "t")
        return found

    @property
    def bare_name(self) -> str:
        """The table's name without its schema."""
        return self.live.bare_name.lower()

    @property
    def has_people(self) -> bool:
        """Whether a name in this table is a person's."""
        named = any("email" in column.name for column in self.live.columns)
        return named or bool(_PEOPLE.search(self.bare_name))

    @property
    def is_listed(self) -> bool:
        """Whether its names come from a list in order, each of them once."""
        return any(re.search(r"(^|_)(name|slug|label)$", name) for name in self.unique)

    def labels(self, column: LiveColumn) -> tuple[str, ...]:
        """The values a column is limited to, where it is."""
        for fact in self.facts:
            if isinstance(fact, OneOf) and fact.column == column.name and column.element is None:
                return fact.values
        if column.labels and column.element is None:
            meant = self.meaning.labels.get(column.name, ())
            return tuple(label for label in meant if label in column.labels) or column.labels
        return self.meaning.labels.get(column.name, ()) if column.element is None else ()

    def lengths(self, column: LiveColumn) -> tuple[int, int | None]:
        """The least and the most characters a column takes."""
        low, high = 0, column.max_length
        for fact in self.facts:
            if not isinstance(fact, Bounds) or fact.column != column.name or not fact.length:
                continue
            low = max(low, int(fact.low or 0) + fact.low_open)
            if fact.high is not None:
                most = int(fact.high) - fact.high_open
                high = most if high is None else min(high, most)
        return low, high


def left_out(column: LiveColumn, reason: str) -> Choice:
    """Leave a column out where it can do without a value; raises Unfit where it cannot."""
    if column.default is not None:
        return Choice(None, "default", "certain", f"left to its default: {reason}")
    if column.nullable:
        return Choice(None, "default", "certain", f"left NULL: {reason}")
    raise Unfit(f"{column.name}: {reason}")
