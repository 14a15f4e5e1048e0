"""Rows dealt out to their parents one after the other, so many to each."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, count, repeat

from dbtool.seed.rows import NEVER, Dealt, Population, Rows
from dbtool.seed.stream import BLOCK, Stream

_flat = chain.from_iterable
Limit = Callable[[Rows], Sequence[int]]
"""The most children each of some rows can have."""


class EachParent:
    """Deals rows to parents in order: so many to each, as a small table of counts says.

    Children in their parents' order are what makes foreign-key checks cheap.
    """

    def __init__(
        self,
        name: str,
        parent: Population,
        table: str,
        counts: Sequence[int],
        first_block: int,
        most: Limit | None = None,
    ) -> None:
        self.name = name
        self.parent = parent
        self.counts = tuple(counts)
        self._most = most
        self._first_block = first_block
        self._stream = Stream(parent.seed, table, f"{name}/count")
        self._checkpoints: list[tuple[int, int]] = []
        self._last: tuple[int, list[int], list[int]] | None = None
        self.count = self._survey()

    def _of_block(self, block: int) -> list[int]:
        rows = self.parent.block(block)
        octets = self._stream.octets(block, rows.size)
        counts = [self.counts[octet * len(self.counts) >> 8] for octet in octets]
        return list(map(min, counts, self._most(rows))) if self._most else counts

    def _survey(self) -> int:
        """Count all rows, and note with which parent each block of them begins."""
        total = 0
        for block in self.parent.blocks:
            for index, some in enumerate(self._of_block(block), block * BLOCK):
                while total + some > len(self._checkpoints) * BLOCK:
                    self._checkpoints.append((index, len(self._checkpoints) * BLOCK - total))
                total += some
        return total

    def families(self) -> tuple[int, int]:
        """How many parents have rows, and how many rows the one with most of them has."""
        families = most = total = 0
        for block in self.parent.blocks:
            for some in filter(None, self._of_block(block)):
                if total >= self.count:
                    return families, most
                total, families, most = total + some, families + 1, max(most, some)
        return families, most

    def deal(self, block: int) -> Dealt:
        """The parents of one block's rows."""
        number = block - self._first_block
        parent, taken = self._checkpoints[number]
        left = min(BLOCK, self.count - number * BLOCK)
        dealt = Dealt([], [], [])
        while left:
            ends, counts = self._ends(parent // BLOCK)
            first = parent % BLOCK
            # Of the parents in this block those that the rows left to deal reach, and of the
            # first and the last of them no more children than are dealt here.
            end = (ends[first - 1] if first else 0) + taken + left
            last = bisect_left(ends, end) + 1
            some = counts[first:last]
            places = [*map(range, some)]
            places[0] = places[0][taken:]
            places[-1] = places[-1][: len(places[-1]) - max(ends[first + len(some) - 1] - end, 0)]
            sizes = [*map(len, places)]
            dealt.parents.extend(_flat(map(repeat, count(parent), sizes)))
            dealt.ordinals.extend(_flat(places))
            dealt.siblings.extend(_flat(map(repeat, some, sizes)))
            left = min(BLOCK, self.count - number * BLOCK) - len(dealt.parents)
            parent, taken = (parent // BLOCK + 1) * BLOCK, 0
        return dealt

    def _ends(self, block: int) -> tuple[list[int], list[int]]:
        """How many rows the parents of a block have up to each one, and each of them."""
        if self._last is None or self._last[0] != block:
            counts = self._of_block(block)
            self._last = block, list(accumulate(counts)), counts
        return self._last[1:]

    def indices(self, rows: Rows) -> Sequence[int]:
        """As a reference: the parent each row was dealt to."""
        return rows.dealt.parents


def identities(rows: Rows, root: str, column: str) -> Sequence[str]:
    """What rows, or those they extend, have in a column of the table at the root."""
    population = rows.population
    if population.name == root or population.walk is None:
        return rows.texts(column)
    parent = population.walk.parent
    found: list[str] = []
    number, values = NEVER, ()  # type: tuple[int, Sequence[str]]
    for index in rows.dealt.parents:
        if index // BLOCK != number:
            number = index // BLOCK
            values = identities(parent.block(number), root, column)
        found.append(values[index % BLOCK])
    return found
