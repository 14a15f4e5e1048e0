"""One event as one line of a log: when, which command, and fields that a machine can split."""

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtool.ports import Value

_BARE = re.compile(r"[^\s\"=\\]+")


def logline(command: str, fields: "Mapping[str, Value]", at: float | None = None) -> str:
    """The event with the time in UTC; a field that is None is left out."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    pairs = [f"{key}={_written(value)}" for key, value in fields.items() if value is not None]
    return " ".join([when, *command.split(), *pairs]) + "\n"


def _written(value: "Value") -> str:
    """A number as it is; a text in quotes where it would not be one word."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    if text.isprintable() and _BARE.fullmatch(text):
        return text
    from dbtool.render.words import clean

    text = clean(" ".join(text.split()))
    if _BARE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
