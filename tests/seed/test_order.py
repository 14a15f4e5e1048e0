"""Parents come first; a cycle is opened where that costs least, else refused by name."""

import pytest

from dbtool.errors import OperationError
from dbtool.seed.order import Edge, Order, refuse_absent, sort


def edge(child: str, parent: str, *, nullable: bool = False, deferrable: bool = False) -> Edge:
    """A foreign key named after its ends."""
    return Edge(f"{child}_{parent}", child, parent, nullable, deferrable)


def test_parents_first_and_names_between_equals() -> None:
    """The order given decides where the foreign keys leave a choice."""
    edges = [edge("a", "c"), edge("b", "a"), edge("a", "outside")]
    assert sort("abcd", edges) == Order(("c", "a", "b", "d"))


def test_a_table_may_refer_to_itself() -> None:
    """A self reference does not hold up its own table."""
    assert sort("ab", [edge("a", "a"), edge("a", "b")]) == Order(("b", "a"))


def test_cycle_is_cut_at_a_nullable_key() -> None:
    """The nullable foreign key stays empty, wherever in the cycle it is."""
    edges = [edge("a", "b"), edge("b", "c"), edge("c", "a", nullable=True), edge("d", "a")]
    assert sort("abcd", edges) == Order(("c", "b", "a", "d"), cut=frozenset({"c_a"}))


def test_cycle_is_deferred_where_no_key_is_nullable() -> None:
    """A deferrable foreign key is checked at the end."""
    edges = [edge("a", "b"), edge("b", "a", deferrable=True)]
    assert sort("ab", edges) == Order(("b", "a"), deferred=frozenset({"b_a"}))


def test_nullable_key_outside_the_cycle_is_kept() -> None:
    """Only what closes a cycle is cut."""
    edges = [edge("a", "b", nullable=True), edge("b", "c", nullable=True), edge("c", "b")]
    assert sort("abc", edges).cut == {"b_c"}


def test_cycle_without_either_needs_a_key_set_aside() -> None:
    """The order is there for a load without that key; a load with it is refused by name."""
    order = sort("abc", [edge("a", "b"), edge("b", "c"), edge("c", "b")])
    assert (order.tables, order.deferred) == (("b", "a", "c"), frozenset({"b_c"}))
    with pytest.raises(OperationError) as caught:
        refuse_absent(order.absent)
    assert "b_c" in caught.value.detail
