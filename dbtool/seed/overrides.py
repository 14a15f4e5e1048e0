"""What a scenario says of a table, in place of what would be inferred from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Protocol

from dbtool.errors import UsageError
from dbtool.seed.dealing import EachParent, Limit
from dbtool.seed.keys import Serial
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import NULL, Generator, Population, Rows
from dbtool.seed.stream import BLOCK
from dbtool.seed.subject import INTEGERS, TIMES, Choice
from dbtool.seed.values import Constant, Fixed, Listed, Pool, Sometimes, Whole, escaped

_SLOTS = 4096
_DECIMALS = ("numeric", "float4", "float8", "money")
_MARKS = re.compile(r"\{n(?::0?[0-9]+)?\}|[#?]")


class Made(Generator, Protocol):
    """A generator of the user's own, that may begin with what would be made without it."""

    def over(self, inner: Generator | None) -> Generator:
        """With what would be made without it."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """How one column is made; `place` is where that is said.

    `weights` are values, NULL being None, and how often each comes up beside the others.
    """

    place: str
    shown: str
    weights: tuple[tuple[str | None, float], ...] = ()
    low: str = ""
    high: str = ""
    pattern: str = ""
    nulls: float | None = None
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """A row that another refers to by `columns`: by its name, or by the key files have for it."""

    columns: tuple[str, ...]
    name: tuple[str, ...]
    by_key: bool = False

    @property
    def text(self) -> str:
        """What the row is known by, as COPY text."""
        return "\t".join(map(escaped, self.name))

    @property
    def shown(self) -> str:
        """What the row is known by, as people write it."""
        return ", ".join(self.name)


@dataclass(frozen=True, slots=True)
class Pin:
    """One row that is there in any case: its values, and which rows its keys refer to."""

    place: str
    name: str
    values: tuple[tuple[str, str | None], ...] = ()
    references: tuple[Meant, ...] = ()


@dataclass(frozen=True, slots=True)
class TableRule:
    """What is said of one table; `per` is the foreign key its rows are dealt along, by columns."""

    place: str = ""
    rows: int | None = None
    per: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    columns: tuple[tuple[str, ColumnRule], ...] = ()
    pins: tuple[Pin, ...] = ()

    def of(self, column: str) -> ColumnRule | None:
        """What is said of a column."""
        return next((rule for name, rule in self.columns if name == column), None)


UNRULED = TableRule()


def ruled(rule: ColumnRule, column: LiveColumn, choice: Choice, labels: Sequence[str]) -> Choice:
    """The choice for a column as its rule has it; raises UsageError where it cannot be so."""
    if column.generated:
        raise UsageError(f"{rule.place}: {column.name} is computed by the server")
    inner = _inner(choice.generator)
    made = rule.made.over(inner) if rule.made else _made(rule, column, labels) or inner
    if made is None:
        raise UsageError(
            f"{rule.place}: nothing says how {column.name} is made",
            detail=choice.detail,
            hint="Give its values: constant, choice, weights, range or pattern.",
        )
    if rule.nulls:
        if not column.nullable:
            raise UsageError(f"{rule.place}: {column.name} takes no NULL")
        made = Sometimes(column.name, made, max(1, round(rule.nulls * 256)))
    return Choice(made, "override", "certain", rule.shown)


def _inner(generator: Generator | None) -> Generator | None:
    return generator.inner if isinstance(generator, Sometimes) else generator


def _made(rule: ColumnRule, column: LiveColumn, labels: Sequence[str]) -> Generator | None:
    if rule.weights:
        for text, _ in rule.weights:
            _refuse_value(rule, column, text, labels)
        texts = [(NULL if text is None else escaped(text), weight) for text, weight in rule.weights]
        if len(texts) == 1:
            return Constant(texts[0][0])
        return Pool(column.name, slots(texts), "weights")
    if rule.low:
        return _range(rule, column)
    return Patterned(column.name, rule.pattern) if rule.pattern else None


def _refuse_value(
    rule: ColumnRule, column: LiveColumn, text: str | None, labels: Sequence[str]
) -> None:
    if text is None and not column.nullable:
        raise UsageError(f"{rule.place}: {column.name} takes no NULL")
    if text is not None and labels and text not in labels:
        raise UsageError(
            f'{rule.place}: "{text}" is no value of {column.name}',
            hint=f"There are: {', '.join(labels)}.",
        )


def slots(weights: Sequence[tuple[str, float]], count: int = _SLOTS) -> tuple[str, ...]:
    """A table to pick from in which each value has its share, by the largest remainders."""
    total = sum(weight for _, weight in weights)
    exact = [weight * count / total for _, weight in weights]
    whole = [int(share) for share in exact]
    by_rest = sorted(range(len(exact)), key=lambda at: (whole[at] - exact[at], at))
    for at in by_rest[: count - sum(whole)]:
        whole[at] += 1
    return tuple(
        text for (text, _), times in zip(weights, whole, strict=True) for text in [text] * times
    )


def _range(rule: ColumnRule, column: LiveColumn) -> Generator:
    try:
        if column.base in INTEGERS:
            return Whole(column.name, int(rule.low), int(rule.high))
        if column.base in _DECIMALS:
            scale = column.numeric[1] if column.numeric else 2
            low, high = (int(Decimal(end).scaleb(scale)) for end in (rule.low, rule.high))
            return Fixed(column.name, low, high, scale)
        if (column.base in TIMES and not column.base.startswith("time")) or "stamp" in column.base:
            low_time, high_time = moment(rule.low), moment(rule.high)
            if high_time < low_time:
                raise UsageError(f"{rule.place}: the range ends before it begins")
            return Between(column.name, low_time, high_time, column.base)
    except (ValueError, InvalidOperation):
        raise UsageError(
            f"{rule.place}: {rule.low} to {rule.high} is no range of {column.type}"
        ) from None
    raise UsageError(
        f"{rule.place}: {column.name} is {column.type}, which has no ranges",
        hint="Give its values: constant, choice, weights or pattern.",
    )


def moment(text: str) -> datetime:
    """A date or time as people write it; without a zone it is in UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Between:
    """Times spread evenly from one to another."""

    column: str
    low: datetime
    high: datetime
    base: str
    kind: str = "range of time"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The times."""
        span = (self.high - self.low) // timedelta(seconds=1) + 1
        moments = [
            self.low + timedelta(seconds=word * span >> 32) for word in rows.words(self.column)
        ]
        if self.base == "date":
            return [str(date(each.year, each.month, each.day)) for each in moments]
        zone = "%z" if self.base == "timestamptz" else ""
        return [each.strftime(f"%Y-%m-%d %H:%M:%S{zone}") for each in moments]


@dataclass(frozen=True, slots=True)
class Patterned:
    """Text after a pattern: {n} is the row's number, # a digit, ? a letter."""

    column: str
    pattern: str
    kind: str = "pattern"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The texts."""
        marks = sum(mark in "#?" for mark in _MARKS.findall(self.pattern))
        octets = rows.stream(self.column).octets(rows.block, rows.size * marks)
        return [
            escaped(self._one(index + 1, octets[at * marks : (at + 1) * marks]))
            for at, index in enumerate(rows.indices)
        ]

    def _one(self, number: int, octets: bytes) -> str:
        drawn = iter(octets)

        def fill(mark: re.Match[str]) -> str:
            if mark[0] == "#":
                return str(next(drawn) * 10 >> 8)
            if mark[0] == "?":
                return "abcdefghijklmnopqrstuvwxyz"[next(drawn) * 26 >> 8]
            return format(number, mark[0][3:-1])

        return _MARKS.sub(fill, self.pattern)


@dataclass(frozen=True, slots=True)
class Pinned:
    """Another generator's values, except in rows that a scenario names.

    A value of a pinned row is text, or a column of the row of another table.
    """

    inner: Generator
    values: Mapping[int, "str | Elsewhere"] = field(hash=False)

    @property
    def kind(self) -> str:
        """The other generator's name."""
        return self.inner.kind

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        texts = list(self.inner.texts(rows))
        for index, value in self.values.items():
            if rows.start <= index < rows.start + rows.size:
                texts[index - rows.start] = value if isinstance(value, str) else value.text
        return texts


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The value of a column in one row of a table."""

    population: Population
    column: str
    index: int

    @property
    def text(self) -> str:
        """The value."""
        if isinstance(self.population.generators[self.column], Serial):
            return str(self.index + 1)
        return self.population.lookup(self.column, [self.index])[0]


def without(generator: Generator | None, values: set[str]) -> Generator | None:
    """A list of names without those that pinned rows have."""
    if isinstance(generator, Listed):
        return replace(
            generator, values=tuple(each for each in generator.values if each not in values)
        )
    return generator


@dataclass(frozen=True, slots=True)
class Dealing:
    """How many rows fall to a parent: drawn from `counts`, or an even part of `total`.

    `least` are parents, by index, that get so many in any case.
    """

    counts: tuple[int, ...]
    total: int | None = None
    least: Mapping[int, int] = field(default_factory=dict)


class Ruled(EachParent):
    """Deals rows out as a scenario says: so many in all, or so many to each; pins have theirs."""

    def __init__(
        self,
        name: str,
        parent: Population,
        population: Population,
        dealing: Dealing,
        most: Limit | None = None,
    ) -> None:
        self._dealing = dealing
        first, counts = population.first_block, dealing.counts
        super().__init__(name, parent, population.name, counts, first, most)

    def _of_block(self, block: int) -> list[int]:
        counts = super()._of_block(block) if self._dealing.total is None else self._even(block)
        for index, least in self._dealing.least.items():
            if index // BLOCK == block:
                counts[index % BLOCK] = max(counts[index % BLOCK], least)
        limits = self._most(self.parent.block(block)) if self._most else counts
        return list(map(min, counts, limits))

    def _even(self, block: int) -> list[int]:
        total, parents = self._dealing.total or 0, self.parent.count
        start = block * BLOCK - self.parent.start
        places = range(start, start + self.parent.block(block).size + 1)
        return [last - first for first, last in pairwise(at * total // parents for at in places)]

    def first_of(self, parent: int) -> int:
        """The place of the first row that falls to a parent."""
        before = 0
        for block in self.parent.blocks:
            counts = self._of_block(block)
            if parent // BLOCK == block:
                return before + sum(counts[: parent % BLOCK])
            before += sum(counts)
        raise LookupError(parent)
