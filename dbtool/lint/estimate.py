"""How long a table of a known size is blocked.

Two bounds. The lower one is a table that is in memory, on a server with nothing else to do; its
rates were measured with PostgreSQL 15 and 18 on two cores, over 400,000 to 3 million rows of 84
to 1,365 bytes, with fsync on:

    read every row          1.4 to 10 GB/s, 6 to 40 million rows/s
    check a foreign key     4 to 7 million rows/s
    build one index         0.9 to 6 million rows/s
    write the table anew    60 to 490 MB/s, without its indexes
    change every row        70,000 to 820,000 rows/s, an index counted as one more row each;
                            over 200,000 to 1 million rows of 110 and 1,070 bytes with no
                            index, one and three

The upper one is a table on a volume of 125 MB/s, what the cheapest ones of the clouds promise:
what is read passes through it once, what is written twice, since the log has it too.

    scan      max(bytes / 3 GB/s, rows / 20 million)   to  bytes / 125 MB/s
    build     rows / 2 million                         to  (bytes + 2 * index) / 125 MB/s
    rewrite   bytes / 150 MB/s + indexes * rows / 2 million
                                                       to  3 * bytes and the indexes as built
    change    (1 + indexes) * rows / 900,000           to  3 * bytes and the indexes as built

and the upper bound is never below three times the lower, for changed rows four times. An index
that is to be built has 40 bytes for each row; rows nobody measured have 100 bytes. What triggers
and foreign keys do for each changed row is not in it.
"""

from dataclasses import dataclass

from dbtool.lint.effect import Work
from dbtool.lint.sizes import TableSize
from dbtool.severity import Severity

_MEGABYTE = 1e6
_READ = 3000 * _MEGABYTE
_READ_ROWS = 20e6
_BUILD_ROWS = 2e6
_CHANGE_ROWS = 0.9e6
_REWRITE = 150 * _MEGABYTE
_VOLUME = 125 * _MEGABYTE
_ROW = 100
_INDEX_ROW = 40
_SPREAD = 3.0
_CHANGE_SPREAD = 4.0
TINY = 0.2
"""Seconds that are no longer than requests wait for other reasons."""
HUGE = 10.0
"""Seconds after which requests time out and connections run out."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds between which work on a table is likely to take."""

    low: float
    high: float

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.low + other.low, self.high + other.high)


def estimate(work: Work, size: TableSize, builds: int = 1) -> Estimate | None:
    """How long the work takes; `builds` indexes for a build. None where nothing tells."""
    if (known := _amount(size)) is None:
        return None
    rows, stored = known
    match work:
        case Work.SCAN:
            low, high = max(stored / _READ, rows / _READ_ROWS), stored / _VOLUME
        case Work.BUILD:
            low = builds * rows / _BUILD_ROWS
            high = builds * (stored + 2 * rows * _INDEX_ROW) / _VOLUME
        case Work.REWRITE:
            low = stored / _REWRITE + size.indexes * rows / _BUILD_ROWS
            # Every index is built from the new table, and written like it.
            high = (3 * stored + size.indexes * stored + 2 * _indexes(size, rows)) / _VOLUME
        case _:
            return None
    return Estimate(low, max(high, low * _SPREAD))


def changing(size: TableSize) -> Estimate | None:
    """How long it takes to change every row of a table where it is; None where nothing tells."""
    if (known := _amount(size)) is None:
        return None
    rows, stored = known
    low = (1 + size.indexes) * rows / _CHANGE_ROWS
    high = (3 * stored + 2 * _indexes(size, rows)) / _VOLUME
    return Estimate(low, max(high, low * _CHANGE_SPREAD))


def _amount(size: TableSize) -> tuple[float, float] | None:
    """The rows and bytes of a table; one of them tells the other."""
    if size.rows is None and size.bytes is None:
        return None
    stored = size.bytes if size.bytes else (size.rows or 0) * _ROW
    return size.rows if size.rows is not None else stored / _ROW, stored


def _indexes(size: TableSize, rows: float) -> float:
    return size.index_bytes or size.indexes * rows * _INDEX_ROW


def graded(severity: Severity, blocked: Estimate | None) -> Severity:
    """How severe blocking for so long is: of a tiny table a note, of a huge one an error."""
    if blocked is None:
        return severity
    if blocked.high <= TINY:
        return Severity.NOTE
    return Severity.ERROR if blocked.high >= HUGE else severity


def in_words(blocked: Estimate) -> str:
    """The estimate as people say it: `about 40 s to 3 min`."""
    low, high = _duration(blocked.low), _duration(blocked.high)
    if blocked.high < 1:
        return "less than 1 s"
    return f"about {high}" if low == high else f"about {low} to {high}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"
