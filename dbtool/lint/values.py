"""Dataclasses that nobody changes, made and copied in a fraction of the usual time.

A statement makes dozens of them, and one that is frozen when the program runs takes five times
as long to make. These are frozen for the type checker alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

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
        copy = _copier(type(value))(value)
        for name in changes:
            object.__setattr__(copy, name, changes[name])
        return copy


@lru_cache(maxsize=64)
def _copier(kind: type) -> Callable[[object], object]:
    """What copies the fields of a type one by one: its constructor takes five times as long."""
    line = "put(copy, {0!r}, value.{0})" if _frozen(kind) else "copy.{0} = value.{0}"
    fields = [line.format(name) for name in getattr(kind, "__dataclass_fields__", ())]
    body = "\n    ".join(("copy = new(kind)", *fields, "return copy"))
    names: dict[str, Any] = {"kind": kind, "new": object.__new__, "put": object.__setattr__}
    exec(f"def copier(value):\n    {body}", names)
    copier: Callable[[object], object] = names["copier"]
    return copier


def _frozen(kind: type) -> bool:
    return bool(getattr(kind, "__dataclass_params__").frozen)  # noqa: B009
