"""Rows are dealt to their parents one after the other, in whatever blocks they are asked for."""

import tracemalloc
from itertools import chain

import pytest

from dbtool.seed.dealing import EachParent
from dbtool.seed.rows import Population
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
        for place in range(40):
            Whole("number", place, 10**6, skewed=True).texts(many.block(0))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
