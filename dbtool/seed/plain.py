"""Objects of plain types, and how text in an object may have to look."""

import dataclasses
import datetime as dt
import decimal
import pathlib
import re
import uuid
from collections.abc import Callable, Mapping

_DEPTH = 6
STYLES = (
    "value {n}",
    "value-{n}",
    "value_{n}",
    "https://www.example.com/{n}",
    "user{n}@example.com",
    "2026-01-01T00:00:00Z",
    "#33669{n}",
    "{n}",
    "{n}.0.0",
    "00000000-0000-4000-8000-00000000000{n}",
    "0 {n} * * *",
    "UTC",
    "{{}}",
    "[]",
    "192.0.2.{n}",
)
"""How text may have to look: plain, a name, an address, a time, a color, a number ..."""

PLAIN: Mapping[type, Callable[[int], object]] = {
    bool: lambda n: n % 2 == 0,
    int: lambda n: n + 1,
    float: lambda n: n + 0.5,
    str: lambda n: f"value {n + 1}",
    bytes: lambda n: b"value %d" % (n + 1),
    decimal.Decimal: lambda n: decimal.Decimal(n + 1),
    dt.datetime: lambda n: dt.datetime(2026, 1, 1 + n % 28, tzinfo=dt.UTC),
    dt.date: lambda n: dt.date(2026, 1, 1 + n % 28),
    dt.time: lambda n: dt.time(n % 24),
    dt.timedelta: lambda n: dt.timedelta(minutes=n + 1),
    uuid.UUID: lambda n: uuid.UUID(int=(n + 1) | 4 << 76 | 8 << 60),
    re.Pattern: lambda n: re.compile(f"value {n + 1}"),
    pathlib.Path: lambda n: pathlib.Path(f"file-{n + 1}"),
    type(None): lambda _: None,
    dict: lambda n: {"number": n + 1},
    list: lambda n: [f"value {n + 1}"],
    set: lambda n: {f"value {n + 1}"},
    tuple: lambda n: (f"value {n + 1}",),
}

MOVING = (dt.datetime, dt.date, dt.time, uuid.UUID)
"""Types whose defaults are other ones each time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Draw:
    """Which of the objects of a type is wanted: its number, and how text in it looks."""

    number: int = 0
    style: int = 0
    depth: int = _DEPTH

    @property
    def inner(self) -> "Draw":
        """The same for what an object holds."""
        return dataclasses.replace(self, depth=self.depth - 1)

    @property
    def text(self) -> str:
        """Text in the style."""
        return STYLES[self.style % len(STYLES)].format(n=self.number + 1)
