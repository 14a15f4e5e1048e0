"""Rows are dealt to their parents one after the other, in whatever blocks they are asked for."""

import tracemalloc
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest

from dbtool.seed.dealing import EachParent
from dbtool.seed.keys import KeyOf, Serial, UniqueUuid
from dbtool.seed.rows import NEVER, NULL, Population, Rows, consecutive
from dbtool.seed.times import Calendar
from dbtool.seed.values import Whole


@pytest.mark.parametrize(
    ("parents", "counts"),
    [(9_000, (0, 0, 1, 3)), (9_000, (2,)), (20, (0, 5_000, 1)), (3, (12_000,)), (1, (1,))],
)
def test_blocks_join(parents: int, counts: tuple[int, ...]) -> None:
    """Block by block each child has the parent, the place and the siblings it has in the whole."""
    population = Population("parent", 7, parents)
    walk = EachParent("parent_id", population, "child", counts, 0)
    each = list(chain.from_iterable(walk._of_block(block) for block in population.blocks))
    whole = [(p, place, some) for p, some in enumerate(each) for place in range(some)]
    made = [walk.deal(block) for block in reversed(range(-(-walk.count // 4096)))]
    dealt = [zip(d.parents, d.ordinals, d.siblings, strict=True) for d in reversed(made)]
    assert list(chain.from_iterable(dealt)) == whole
    assert {len(each.parents) for each in made[1:]} <= {4096}


def test_large_families() -> None:
    """A block of the children of one parent costs a block, not all that parent's children."""
    walk = EachParent("parent_id", Population("parent", 7, 2), "child", (400_000,), 0)
    walk.deal(0)
    tracemalloc.start()
    try:
        assert walk.deal(90).ordinals[0] == 90 * 4096
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_known_numbers() -> None:
    """The numbers of many rows, known beforehand, are those of few rows, and few are known."""
    many, few = Population("made", 7, 200_000), Population("made", 7, 4096)
    for low, high in ((-5, 1000), (0, 0), (0, 10_000), (0, 2**40)):
        column = Whole("number", low, high, skewed=True)
        assert column.texts(many.block(0)) == column.texts(few.block(0))
    tracemalloc.start()
    try:
        for place in range(3):
            Whole("number", place, 10**6, skewed=True).texts(many.block(0))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("counts", [(0, 1, 3), (0,) * 200 + (1,), (9_000,)])
def test_keys_of_families(counts: tuple[int, ...]) -> None:
    """Rows have the number of the parent they were dealt to, however many siblings they have."""
    parents = Population("parent", 7, 9_000, first_block=2)
    parents.generators["id"] = Serial()
    children = Population("child", 7, 0)
    walk = EachParent("parent_id", parents, "child", counts, 0)
    children.walk = walk
    walk.count = children.count = min(walk.count, 9_000)
    for rows in map(children.block, children.blocks):
        keys = KeyOf(walk, parents, "id").texts(rows)
        assert keys == parents.lookup("id", rows.dealt.parents)
    sizes = Counter(
        parent for rows in map(children.block, children.blocks) for parent in rows.dealt.parents
    )
    assert walk.families()[0] == len(sizes)


class _Born:
    def __init__(self) -> None:
        self.made: list[int] = []

    def moments(self, rows: Rows) -> Sequence[int]:
        """All at once; which block was asked for is remembered."""
        self.made.append(rows.block)
        return [0] * rows.size


def test_parents_of_a_million_rows_stay_at_hand() -> None:
    """What rows choose from is made once, not again for each block of them."""
    population, born = Population("parent", 7, 200 * 4096), _Born()
    population.birth = born
    for number in (*range(200), *range(200)):
        places, births = population.window(number).by_birth
        assert len(places) * places.itemsize + len(births) * births.itemsize < 25_000
    assert born.made == list(range(200))


def test_uuids_digit_by_digit() -> None:
    """What is drawn stands in order around the version and the variant, the row's number behind."""
    population = Population("made", 7, 2 * 4096 + 5, first_block=3)
    for rows in map(population.block, population.blocks):
        made = UniqueUuid("key").texts(rows)
        assert len(made) == rows.size
        stream = rows.stream("key")
        drawn = stream.octets(rows.block, 10 * rows.size).hex()
        mask = stream.beside("tail").word(0) & (1 << 48) - 1
        for at, text in enumerate(made):
            one, number = drawn[20 * at : 20 * at + 20], rows.start + at ^ mask
            middle = f"4{one[12:15]}-{'89ab'[int(one[15], 16) % 4]}{one[16:19]}"
            assert text == f"{one[:8]}-{one[8:12]}-{middle}-{number:012x}"


@pytest.mark.parametrize(("first", "count"), [(0, 0), (0, 3), (1, 2500), (998, 4), (12_000_999, 2)])
def test_consecutive_numbers(first: int, count: int) -> None:
    """Each number as text, over the ends of thousands."""
    assert consecutive(first, count) == list(map(str, range(first, first + count)))


def test_times_as_text() -> None:
    """Each moment of the window as the server reads it, in each type of time."""
    calendar = Calendar(date(2026, 3, 1))
    opened = datetime(2026, 3, 1, tzinfo=UTC) - timedelta(seconds=calendar.end)
    moments = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 12_345_678, calendar.end]
    for base, written in (
        ("date", "%Y-%m-%d"),
        ("timestamp", "%Y-%m-%d %H:%M:%S"),
        ("timestamptz", "%Y-%m-%d %H:%M:%S+00"),
        ("time", "%H:%M:%S"),
        ("timetz", "%H:%M:%S+00"),
    ):
        texts = [(opened + timedelta(seconds=each)).strftime(written) for each in moments]
        assert calendar.format([*moments, NEVER], base) == [*texts, NULL]
