"""Dataclasses that nobody changes, made and copied in a fraction of the usual time.

A statement makes dozens of them, and one that is frozen when the program runs takes five times
as long to make. These are frozen for the type checker alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A slotted dataclass that can be a key and is not to be changed."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)


if TYPE_CHECKING:
    # The type checker knows the fields of what is copied under this name alone.
    from dataclasses import replace as replace
else:

    def replace(value: object, /, **changes: object) -> object:
        """A copy with some fields changed, made without the constructor, which takes far longer."""
        kind = type(value)
        copy = object.__new__(kind)
        # What is frozen when the program runs, too, refuses the assignment that is faster.
        put = object.__setattr__ if kind.__dataclass_params__.frozen else setattr
        for name in kind.__dataclass_fields__:
            put(copy, name, getattr(value, name))
        for name, changed in changes.items():
            put(copy, name, changed)
        return copy
