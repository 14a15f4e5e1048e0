"""Settings whose values are plainly of the right kind, read without a validating library.

What it reads, it reads as pydantic does; of what it does not know for certain it says so, and
pydantic decides.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dbtool.settings.keys import KEYS, EnvironmentKeys, Keys
from dbtool.severity import FailOn

_DIGITS = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?")


class NotPlain(Exception):
    """A value that is wrong, or that only pydantic can tell the meaning of."""


def plain(values: Mapping[str, object]) -> Keys:
    """The settings with these values in force; raises NotPlain where one needs a judge."""
    return Keys(**{key: _value(KEYS[key], value) for key, value in values.items()})


def _value(declared: "Field[Any]", value: object) -> Any:
    read = _READ[declared.type](value)
    for name, limit in declared.metadata.get("limits", {}).items():
        _require(getattr(operator, name)(read, limit))
    return read


def _require(holds: bool) -> None:
    if not holds:
        raise NotPlain


def _text(value: object) -> str:
    if type(value) is not str:
        raise NotPlain
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise NotPlain
    return tuple(map(_text, value))


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


def _severity(value: object) -> FailOn:
    _require(value in tuple(FailOn))
    return FailOn(_text(value))


def _number(value: object) -> Decimal:
    if type(value) is int:
        return Decimal(value)
    text = str(value) if type(value) is float else _text(value)
    _require(bool(_DIGITS.fullmatch(text)))
    return Decimal(text)


def _whole(value: object) -> int:
    number = _number(value)
    _require(number.as_tuple().exponent == 0)
    return int(number)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise NotPlain
    return value


def _environments(value: object) -> dict[str, EnvironmentKeys]:
    if not isinstance(value, dict):
        raise NotPlain
    return {_text(name): _environment(keys) for name, keys in value.items()}


def _environment(value: object) -> EnvironmentKeys:
    declared = {each.name: each for each in fields(EnvironmentKeys)}
    if not isinstance(value, dict) or not value.keys() <= declared.keys():
        raise NotPlain
    return EnvironmentKeys(**{key: _value(declared[key], each) for key, each in value.items()})


_READ: Mapping[Any, Callable[[object], object]] = MappingProxyType(
    {
        str | None: _text,
        tuple[str, ...]: _texts,
        Path: _path,
        Path | None: _path,
        FailOn: _severity,
        Decimal: _number,
        int | None: _whole,
        bool: _flag,
        dict[str, EnvironmentKeys] | None: _environments,
    }
)
"""How a value of each type that a key may have is read."""
