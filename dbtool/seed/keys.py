"""Keys that can be worked out again from a row's index, and the ways to choose a parent."""

from collections.abc import Sequence
from dataclasses import dataclass

from dbtool.seed.rows import DAY, NEVER, NULL, Population, Reference, Rows, Window, consecutive
from dbtool.seed.stream import BLOCK, consistent_pick

_HEX = b"0123456789abcdef"
_VARIANT = bytes.maketrans(_HEX, b"89ab" * 4)
_PLACES = (*range(8), *range(9, 13), *range(15, 18), *range(20, 23))
"""Where random digits stand in a UUID, but for the one that says how it was made."""
_DRAWN = (*range(15), *range(16, 19))
"""Which of the twenty that are drawn stand there."""
_LAST = tuple(
    (shift, bytes(_HEX[row >> shift & 15] for row in range(BLOCK))) for shift in (8, 4, 0)
)
"""The last three digits of the rows of a block, before they are mixed."""


@dataclass(frozen=True, slots=True)
class Serial:
    """Numbers from 1 on, by row index."""

    kind: str = "sequence"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The numbers."""
        return consecutive(rows.start + 1, rows.size)


@dataclass(frozen=True, slots=True)
class UniqueUuid:
    """Random-looking version 4 UUIDs; the row index is mixed into the tail, so all differ."""

    column: str
    kind: str = "uuid"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The UUIDs, written digit by digit: one digit of all rows at once."""
        stream, size = rows.stream(self.column), rows.size
        drawn = stream.octets(rows.block, 10 * size).hex().encode()
        mask = stream.beside("tail").word(0) & 0xFFFFFFFFFFFF
        upper, lower = divmod(mask, BLOCK)
        made = bytearray(b"........-....-4...-....-%09x...\n" % (rows.block ^ upper) * size)
        for place, of in zip(_PLACES, _DRAWN, strict=True):
            made[place::37] = drawn[of::20]
        made[19::37] = drawn[15::20].translate(_VARIANT)
        for place, (shift, digits) in enumerate(_LAST, 33):
            mixed = bytes(_HEX[digit ^ lower >> shift & 15] for digit in range(16))
            made[place::37] = digits[:size].translate(bytes.maketrans(_HEX, mixed))
        return made.decode().split()


@dataclass(frozen=True, slots=True)
class Given:
    """Values that are there already, read from the database."""

    values: Sequence[str]
    kind: str = "existing rows"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        return self.values[rows.start : rows.start + rows.size]


@dataclass(frozen=True, slots=True)
class AnyParent:
    """Any parent that existed already when the row came into being."""

    name: str
    parent: Population
    null_share: int = 0

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        window = _window(self, rows)
        order, days, last = window.indices(), window.by_day.tolist(), len(window.by_day)
        # Of the first day each hour counts: many begin then.
        chosen = [
            order[
                word
                % (
                    (days[day] if day < last else len(order))
                    if (day := moment // DAY)
                    else window.born_by(moment) or 1
                )
            ]
            for word, moment in zip(rows.words(self.name), rows.births, strict=True)
        ]
        return _sometimes(chosen, rows, self.name, self.null_share)


@dataclass(frozen=True, slots=True)
class OtherParents:
    """A different parent for each of the rows that were dealt to one and the same row.

    All of them existed when that row came into being; where those are too few for its
    rows, the next oldest are taken.
    """

    name: str
    parent: Population

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        window = _window(self, rows)
        start, order = window.start, window.by_birth[0]
        dealt = rows.dealt
        walk = rows.population.walk
        since = walk.parent.births_of(dealt.parents) if walk else rows.births
        offsets = self._offsets(rows)
        return [
            start + order[(offsets[parent] + ordinal) % max(window.born_by(moment), siblings)]
            for parent, ordinal, siblings, moment in zip(
                dealt.parents, dealt.ordinals, dealt.siblings, since, strict=True
            )
        ]

    def _offsets(self, rows: Rows) -> dict[int, int]:
        """Where each run begins: the same in whichever block its rows are made."""
        stream = rows.stream(f"{self.name}/offset")
        parents = dict.fromkeys(rows.dealt.parents)
        words = {block: stream.words(block) for block in {each // BLOCK for each in parents}}
        return {each: words[each // BLOCK][each % BLOCK] for each in parents}


@dataclass(frozen=True, slots=True)
class NthParent:
    """Parents counted through: no two rows have the same one, or the same combination.

    With a stride it is one digit of the row's number, or of its place among its siblings;
    past the last one rows begin again, or have none where `once`.
    """

    name: str
    parent: Population
    stride: int = 1
    of_parent: bool = False
    once: bool = False

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        first, count = self.parent.start, self.parent.count
        start = rows.population.start
        numbers: Sequence[int] = [index - start for index in rows.indices]
        if self.of_parent:
            numbers = rows.dealt.ordinals
        if self.once:
            return [first + each if each < count else NEVER for each in numbers]
        return [first + each // self.stride % count for each in numbers]


@dataclass(frozen=True, slots=True)
class RowBefore:
    """The row before: each row has one successor at most."""

    name: str
    nullable: bool = True

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        first = rows.population.start
        alone = NEVER if self.nullable else first
        return [index - 1 if index > first else alone for index in rows.indices]


@dataclass(frozen=True, slots=True)
class Apart:
    """What another reference chooses, moved on to the next row where a third chose the same.

    Siblings that must differ are counted on from the row behind that of the third one.
    """

    name: str
    inner: Reference
    other: Reference
    parent: Population

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        first, count = self.parent.start, self.parent.count
        others = rows.parents(self.other)
        if isinstance(self.inner, OtherParents):
            steps = zip(others, rows.dealt.ordinals, strict=True)
            return [first + (other - first + 1 + step) % count for other, step in steps]
        return [
            first + (each - first + 1) % count if each == other and each >= 0 else each
            for each, other in zip(rows.parents(self.inner), others, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class EarlierRow:
    """An earlier row of the same table; `grouped`: of those with the same parent."""

    name: str
    grouped: bool
    nullable: bool = True
    null_share: int = 96

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        before = rows.start - rows.population.start
        places = rows.dealt.ordinals if self.grouped else range(before, before + rows.size)
        chosen = [
            index - 1 - word % place if place else (NEVER if self.nullable else index)
            for index, word, place in zip(rows.indices, rows.words(self.name), places, strict=True)
        ]
        return _sometimes(chosen, rows, self.name, self.null_share if self.nullable else 0)


@dataclass(frozen=True, slots=True)
class OlderRow:
    """A row of the same table that came into being before."""

    name: str
    nullable: bool = True
    null_share: int = 32

    def indices(self, rows: Rows) -> Sequence[int]:
        """The row index of each row's parent."""
        population = rows.population
        number = min(rows.block - population.first_block, population.window_count - 1)
        window = population.window(number)
        start, order = window.start, window.by_birth[0]
        chosen: list[int] = []
        for index, word, moment in zip(
            rows.indices, rows.words(self.name), rows.births, strict=True
        ):
            older = window.born_before(moment)
            alone = NEVER if self.nullable else index
            chosen.append(start + order[word % older] if older else alone)
        return _sometimes(chosen, rows, self.name, self.null_share if self.nullable else 0)


@dataclass(frozen=True, slots=True)
class KeyOf:
    """The referenced column of the row's parent."""

    reference: Reference
    population: Population
    column: str
    kind: str = "foreign key"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The parents' keys."""
        indices = rows.parents(self.reference)
        if isinstance(self.population.generators[self.column], Serial):
            if rows.population.walk is not None and indices is rows.dealt.parents:
                return _repeated(indices)
            return [NULL if index < 0 else str(index + 1) for index in indices]
        return self.population.lookup(self.column, indices)


def _repeated(parents: Sequence[int]) -> list[str]:
    """The numbers of parents that rows were dealt to: in order, each for several rows."""
    if not parents or parents[-1] - parents[0] > len(parents):
        return [str(index + 1) for index in parents]
    first = parents[0]
    known = consecutive(first + 1, parents[-1] - first + 1)
    return [known[index - first] for index in parents]


@dataclass(frozen=True, slots=True)
class Ordinal:
    """The row's place among the rows of its parent, from 1 on."""

    kind: str = "position"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The places."""
        return [str(ordinal + 1) for ordinal in rows.dealt.ordinals]


def _window(reference: AnyParent | OtherParents, rows: Rows) -> Window:
    """The window a block's rows choose from; more parents move few blocks to another one."""
    word = rows.stream(f"{reference.name}/window").word(rows.block)
    return reference.parent.window(consistent_pick(word, reference.parent.window_count))


def _sometimes(chosen: list[int], rows: Rows, name: str, share: int) -> list[int]:
    """Leave out a share (of 256)."""
    if not share:
        return chosen
    octets = rows.octets(f"{name}/null")
    return [NEVER if octet < share else one for one, octet in zip(chosen, octets, strict=True)]
