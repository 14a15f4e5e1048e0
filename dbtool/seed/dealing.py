"""Rows dealt out to their parents one after the other, so many to each."""

from collections.abc import Callable, Iterator, Sequence

from dbtool.seed.rows import NEVER, Dealt, Population, Rows
from dbtool.seed.stream import BLOCK, Stream

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
            for index, count in enumerate(self._of_block(block), block * BLOCK):
                while total + count > len(self._checkpoints) * BLOCK:
                    self._checkpoints.append((index, len(self._checkpoints) * BLOCK - total))
                total += count
        return total

    def deal(self, block: int) -> Dealt:
        """The parents of one block's rows."""
        number = block - self._first_block
        parent, taken = self._checkpoints[number]
        left = min(BLOCK, self.count - number * BLOCK)
        dealt = Dealt([], [], [])
        parents, ordinals, siblings = dealt.parents, dealt.ordinals, dealt.siblings
        for index, count in self._from(parent):
            if count > taken:
                take = count - taken if count - taken < left else left
                parents += [index] * take
                ordinals += range(taken, taken + take)
                siblings += [count] * take
                left -= take
            taken = 0
            if not left:
                break
        return dealt

    def _from(self, parent: int) -> Iterator[tuple[int, int]]:
        while True:
            block = parent // BLOCK
            yield from enumerate(self._of_block(block)[parent % BLOCK :], parent)
            parent = (block + 1) * BLOCK

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
