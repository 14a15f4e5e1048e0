"""What an application sent to its database, one record for each time."""

from dataclasses import dataclass, field
from typing import Literal

Cause = Literal["asked", "lazy", "eager", "columns"]


@dataclass(frozen=True, slots=True)
class Source:
    """The line of the application's own code that had a statement sent."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Record:
    """One statement that was sent; `values` are what the driver bound, as text.

    `cause` is why: the code asked for it, it touched a relationship that was not loaded (`lazy`),
    a loader option fetched one ahead (`eager`), or columns of an object had expired or were
    deferred. `path` are then the relationships from the object the query returned, as
    `User.posts`, and `many` tells whether the last of them is a collection.
    """

    text: str
    milliseconds: float
    rows: int | None = None
    times: int = 1
    source: Source | None = None
    cause: Cause = "asked"
    path: tuple[str, ...] = ()
    many: bool = True
    failed: bool = False
    values: tuple[str | None, ...] = field(default=(), repr=False, metadata={"json": False})
    names: tuple[str, ...] = field(default=(), repr=False, metadata={"json": False})


@dataclass(frozen=True, slots=True)
class Traced:
    """One call of the application's code: what it sent and how it ended its transactions.

    `milliseconds` is the whole call; `connections` how many it used at once or in turn.
    """

    callable: str
    engine: str
    milliseconds: float
    records: tuple[Record, ...]
    commits: int = 0
    rollbacks: int = 0
    connections: int = 0
    kept: bool = False
