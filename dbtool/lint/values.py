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
        copy = object.__new__(type(value))
        for name in value.__dataclass_fields__:
            object.__setattr__(copy, name, getattr(value, name))
        for name, changed in changes.items():
            object.__setattr__(copy, name, changed)
        return copy
