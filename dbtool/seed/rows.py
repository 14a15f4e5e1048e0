"""The rows of a table as functions: any block of any column on demand, nothing kept."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import Protocol

from dbtool.seed.stream import BLOCK, Stream

NULL = r"\N"
NEVER = -1
DAY = 86_400
_LAST = tuple(f"{number:03d}" for number in range(1000))
_WINDOWS = 256
"""How many windows stay at hand, of 27 KB each: each is chosen from again and again."""


class Generator(Protocol):
    """Makes one column: the COPY text of each row of a block."""

    @property
    def kind(self) -> str:
        """The generator's name, as plans show it."""

    def texts(self, rows: "Rows") -> Sequence[str]:
        """The texts, one per row."""


class Moments(Protocol):
    """Makes times: seconds since the window opened, NEVER where NULL."""

    def moments(self, rows: "Rows") -> Sequence[int]:
        """The moments, one per row."""


class Reference(Protocol):
    """Chooses the parent of each row: its row index, or NEVER."""

    @property
    def name(self) -> str:
        """The foreign key's columns."""

    def indices(self, rows: "Rows") -> Sequence[int]:
        """The indices, one per row."""


class Walk(Protocol):
    """Deals a table's rows out to the rows of its parent, parent by parent."""

    @property
    def parent(self) -> "Population":
        """Whose rows the children fall to."""

    def deal(self, block: int) -> "Dealt":
        """How one block of children falls to them."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """For each row of a block: its parent, its place among the siblings, how many they are."""

    parents: list[int]
    ordinals: list[int]
    siblings: list[int]


class Population:
    """All rows one table gets; `generators` are the columns that are loaded, in order.

    Rows are numbered from `first_block * BLOCK`, so that rows added later continue the
    numbering and no value of an earlier row can come up again.
    """

    def __init__(self, name: str, seed: int, count: int, first_block: int = 0) -> None:
        self.name = name
        self.seed = seed
        self.count = count
        self.first_block = first_block
        self.generators: dict[str, Generator] = {}
        self.walk: Walk | None = None
        self.birth: Moments | None = None
        self._recent: dict[int, Rows] = {}
        self._windows: dict[int, Window] = {}

    def __getstate__(self) -> dict[str, object]:
        """What another process needs; it makes its own blocks."""
        return {**vars(self), "_recent": {}, "_windows": {}}

    @property
    def start(self) -> int:
        """The index of the first row."""
        return self.first_block * BLOCK

    @property
    def blocks(self) -> range:
        """The numbers of all blocks."""
        return range(self.first_block, self.first_block - (-self.count // BLOCK))

    def block(self, number: int) -> "Rows":
        """One block; the last few stay at hand for the children that look things up."""
        if number not in self._recent:
            if len(self._recent) >= 4:
                self._recent.pop(next(iter(self._recent)))
            self._recent[number] = Rows(self, number)
        return self._recent[number]

    def lookup(self, column: str, indices: Sequence[int]) -> list[str]:
        """The text of a column in the rows of these indices; NULL for NEVER."""
        found: list[str] = []
        block, values = NEVER, ()  # type: tuple[int, Sequence[str]]
        for index in indices:
            if index < 0:
                found.append(NULL)
                continue
            if index // BLOCK != block:
                block = index // BLOCK
                values = self.block(block).texts(column)
            found.append(values[index % BLOCK])
        return found

    def births_of(self, indices: Sequence[int]) -> list[int]:
        """When the rows of these indices came into being."""
        if not indices:
            return []
        block, values = min(indices) // BLOCK, ()  # type: tuple[int, Sequence[int]]
        if max(indices) // BLOCK == block:
            values, first = self.block(block).births, block * BLOCK
            return [values[index - first] for index in indices]
        found: list[int] = []
        block = NEVER
        for index in indices:
            if index // BLOCK != block:
                block = index // BLOCK
                values = self.block(block).births
            found.append(values[index % BLOCK])
        return found

    @property
    def window_count(self) -> int:
        """How many windows there are to choose parents from."""
        return max(1, self.count // BLOCK)

    def window(self, number: int) -> "Window":
        """One of the windows; the last one also covers the rows of an unfinished block."""
        if number not in self._windows:
            if len(self._windows) >= _WINDOWS:
                self._windows.pop(next(iter(self._windows)))
            self._windows[number] = Window(self, number)
        return self._windows[number]


class Window:
    """A run of parents that the rows of one child block choose from."""

    def __init__(self, population: Population, number: int) -> None:
        self.population = population
        self.start = population.start + number * BLOCK
        last = number == population.window_count - 1
        end = population.start + population.count if last else self.start + BLOCK
        self.size = end - self.start

    @cached_property
    def by_birth(self) -> "tuple[array[int], array[int]]":
        """The places in the window from the oldest row on, and the births of these rows."""
        first = self.start // BLOCK
        blocks = range(first, first - (-self.size // BLOCK))
        births = list(chain.from_iterable(self.population.block(each).births for each in blocks))
        order = sorted(range(len(births)), key=births.__getitem__)
        return array("H", order), array("i", map(births.__getitem__, order))

    def indices(self) -> list[int]:
        """The row indices from the oldest on."""
        start = self.start
        return [start + place for place in self.by_birth[0]]

    @cached_property
    def by_day(self) -> "array[int]":
        """How many of them existed when each day began; the oldest always did."""
        births = self.by_birth[1].tolist()
        days = range(0, births[-1] + 2 * DAY if births else DAY, DAY)
        return array("H", (bisect_right(births, day) or 1 for day in days))

    def born_by(self, moment: int) -> int:
        """How many of them existed at that moment."""
        return bisect_right(self.by_birth[1], moment)

    def born_before(self, moment: int) -> int:
        """How many of them existed before that moment."""
        return bisect_left(self.by_birth[1], moment)


class Rows:
    """One block of a population; what was made once is kept while the block is in use."""

    def __init__(self, population: Population, block: int) -> None:
        self.population = population
        self.block = block
        self.start = block * BLOCK
        self.size = min(BLOCK, population.start + population.count - self.start)
        self._texts: dict[str, Sequence[str]] = {}
        self._moments: dict[str, Sequence[int]] = {}
        self._parents: dict[str, Sequence[int]] = {}
        self._born: dict[str, Sequence[str]] = {}

    @property
    def indices(self) -> range:
        """The row indices."""
        return range(self.start, self.start + self.size)

    def stream(self, column: str) -> Stream:
        """The random words of a column, or of something several columns share."""
        return Stream(self.population.seed, self.population.name, column)

    def words(self, column: str) -> Sequence[int]:
        """One 32-bit word per row."""
        return self.stream(column).words(self.block, self.size)

    def octets(self, column: str) -> bytes:
        """One byte per row."""
        return self.stream(column).octets(self.block, self.size)

    def texts(self, column: str) -> Sequence[str]:
        """The COPY text of a column."""
        if column not in self._texts:
            self._texts[column] = self.population.generators[column].texts(self)
        return self._texts[column]

    def moments(self, name: str, generator: Moments) -> Sequence[int]:
        """The times of a column, as seconds since the window opened."""
        if name not in self._moments:
            self._moments[name] = generator.moments(self)
        return self._moments[name]

    def parents(self, reference: Reference) -> Sequence[int]:
        """The row index of each row's parent."""
        if reference.name not in self._parents:
            self._parents[reference.name] = reference.indices(self)
        return self._parents[reference.name]

    @cached_property
    def dealt(self) -> Dealt:
        """How the rows fall to the parents they are dealt to."""
        if self.population.walk is None:
            raise LookupError(f"{self.population.name} has no parent to walk along")
        return self.population.walk.deal(self.block)

    @cached_property
    def births(self) -> Sequence[int]:
        """When each row came into being: its own time, else its parent's, else always."""
        if self.population.birth is not None:
            return self.population.birth.moments(self)
        if self.population.walk is not None:
            return self.population.walk.parent.births_of(self.dealt.parents)
        return [0] * self.size

    def born(self, base: str, write: Callable[[Sequence[int], str], list[str]]) -> Sequence[str]:
        """When each row came into being, as text of a type: several columns begin with it."""
        if base not in self._born:
            self._born[base] = write(self.births, base)
        return self._born[base]

    def forget(self) -> None:
        """Let the texts go: the rows have been written, and few columns are looked up again."""
        self._texts.clear()
        self._moments.clear()
        self._born.clear()

    def lines(self) -> str:
        """The block as text for COPY."""
        columns = [self.texts(name) for name in self.population.generators]
        if len(columns) < 2:
            return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
        # All cells are joined at once: the last one of a row is one with the first of the next.
        first, *middle, last = columns
        width = len(columns) - 1
        cells = [first[0], *repeat("", width * self.size)]
        for place, column in enumerate(middle, 1):
            cells[place::width] = column
        cells[width::width] = map("\n".join, zip(last, [*first[1:], ""], strict=True))
        return "\t".join(cells)


def consecutive(first: int, count: int) -> list[str]:
    """The texts of so many whole numbers: all of one thousand begin alike."""
    texts: list[str] = []
    while count > 0:
        thousand, place = divmod(first, 1000)
        size = min(1000 - place, count)
        if thousand > 0:
            begin = str(thousand)
            texts += [begin + last for last in _LAST[place : place + size]]
        else:
            texts += map(str, range(first, first + size))
        first, count = first + size, count - size
    return texts


def blocks(population: Population) -> Iterator[Rows]:
    """Every block in order."""
    return (population.block(number) for number in population.blocks)
