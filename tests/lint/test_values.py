"""Values that are copied field by field."""

from dataclasses import dataclass, fields

import pytest

from dbtool.lint.schema import Column, Name, Table, Type
from dbtool.lint.values import replace, value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    first: int
    second: tuple[str, ...] = ()


@value()
class _Counted:
    first: int
    second: str = ""

    def __post_init__(self) -> None:
        raise AssertionError("made anew")


def _uncounted() -> _Counted:
    """One whose constructor did not run."""
    made = object.__new__(_Counted)
    made.first, made.second = 1, "a"  # type: ignore[misc]
    return made


def test_a_copy_has_every_field_that_is_not_changed() -> None:
    """Of all fields the ones that are named are new, and the value copied is as it was."""
    id_ = Column(name="id", type=Type("int8"), not_null=True)
    table = Table(name=Name("public", "t"), columns={"id": id_}, new=True, partition_by="list (id)")
    copy = replace(table, name=Name("public", "u"), complete=False)
    assert (copy.name, copy.complete) == (("public", "u"), False)
    assert (table.name, table.complete) == (("public", "t"), True)
    kept = [each.name for each in fields(Table) if each.name not in ("name", "complete")]
    assert all(getattr(copy, name) is getattr(table, name) for name in kept)


def test_what_is_frozen_is_copied_too() -> None:
    """A dataclass that refuses assignment has copies with other values."""
    before = _Frozen(first=1, second=("a",))
    assert replace(before, first=2) == _Frozen(first=2, second=("a",))
    assert before == _Frozen(first=1, second=("a",))


def test_a_field_that_there_is_not_is_refused() -> None:
    """A mistake in a field's name ends in an error and not in a value with one more."""
    with pytest.raises(AttributeError, match="nobody"):
        replace(_Frozen(first=1), nobody=2)  # type: ignore[call-arg]


def test_a_copy_is_not_made_by_the_constructor() -> None:
    """A change of the catalog makes many copies; the constructor would take five times as long."""
    assert replace(_uncounted(), second="b").second == "b"
