"""Dataclasses that nobody changes, made and copied in a fraction of the usual time.

A statement makes dozens of them, and one that is frozen when the program runs takes five times
as long to make. These are frozen for the type checker alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
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
        """A copy with some fields changed."""
        names, values = _fields(type(value))
        return type(value)(**{**dict(zip(names, values(value), strict=False)), **changes})


@lru_cache(maxsize=64)
def _fields(kind: type) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]]]:
    names = tuple(getattr(kind, "__dataclass_fields__", ()))
    # Of one name alone the getter would give the value and not a tuple.
    return names, attrgetter(*names, "__class__")
