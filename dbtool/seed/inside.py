"""Parents that share columns with the row, such as those of the same tenant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from dbtool.seed.rows import NEVER, Population, Rows


class Partition:
    """The rows of a table by the values of the columns others share with it."""

    def __init__(self, population: Population, columns: tuple[str, ...]) -> None:
        self.population = population
        self.columns = columns

    def values(self, rows: Rows, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """What some rows have in columns that correspond to the shared ones."""
        return zip(*(rows.texts(name) for name in columns), strict=True)

    @cached_property
    def members(self) -> dict[tuple[str, ...], list[int]]:
        """The indices of the rows of each part."""
        found: dict[tuple[str, ...], list[int]] = {}
        for number in self.population.blocks:
            rows = self.population.block(number)
            for index, value in zip(rows.indices, self.values(rows, self.columns), strict=True):
                found.setdefault(value, []).append(index)
        return found


@dataclass(frozen=True, slots=True)
class InsideParents:
    """A parent among those that share columns with the row; none where no row does.

    Siblings get different ones where there are enough.
    """

    name: str
    partition: Partition
    columns: tuple[str, ...]
    apart: bool = False

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        members = self.partition.members
        words: Sequence[int] = rows.words(self.name)
        if self.apart:
            words = rows.dealt.ordinals
        values = self.partition.values(rows, self.columns)
        found = ((members.get(value, ()), word) for value, word in zip(values, words, strict=True))
        return [group[word % len(group)] if group else NEVER for group, word in found]

    def room(self, rows: Rows, columns: Sequence[str]) -> Sequence[int]:
        """How many different ones there are for what other rows have in some columns."""
        members = self.partition.members
        return [len(members.get(each, ())) for each in self.partition.values(rows, columns)]
