"""Statements of one call that differ in their values only, together."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from dbtool.engine.record import Cause, Record, Source, Traced
from dbtool.explain.examined import Examined
from dbtool.finding import Finding, Unknown


@dataclass(frozen=True, slots=True)
class Group:
    """One statement and how often it was sent; `slowest` is one of the times, with its values.

    `path` are the relationships that had it sent; `distinct` how many sets of values it had.
    """

    fingerprint: str
    text: str
    count: int
    total_ms: float
    median_ms: float
    rows: int
    distinct: int
    sources: tuple[tuple[Source, int], ...]
    cause: Cause
    path: tuple[str, ...]
    many: bool
    slowest: Record = field(repr=False, metadata={"json": False})
    examined: Examined | None = None
    unexplained: str = ""

    @property
    def line(self) -> Source | None:
        """The line of the application that had it sent most often."""
        return self.sources[0][0] if self.sources else None


@dataclass(frozen=True, slots=True)
class Trace:
    """One call: its statements, most time first, and what rules say about them together."""

    traced: Traced = field(metadata={"json": False})
    callable: str
    milliseconds: float
    database_ms: float
    commits: int
    rollbacks: int
    kept: bool
    groups: tuple[Group, ...]
    findings: tuple[Finding, ...] = field(default=(), metadata={"json": False})
    unknowns: tuple[Unknown, ...] = field(default=(), metadata={"json": False})
    notes: tuple[str, ...] = ()

    @property
    def statements(self) -> int:
        """How many statements were sent."""
        return sum(group.count for group in self.groups)


def grouped(traced: Traced) -> Trace:
    """The statements of a call by what they are and what caused them, most time first."""
    found: dict[tuple[str, Cause, tuple[str, ...]], list[Record]] = defaultdict(list)
    prints: dict[str, str] = {}
    for record in traced.records:
        if record.text not in prints:
            prints[record.text] = _fingerprint(record.text)
        found[prints[record.text], record.cause, record.path].append(record)
    groups = [_group(key[0], records) for key, records in found.items()]
    groups.sort(key=lambda group: -group.total_ms)
    return Trace(
        traced=traced,
        callable=traced.callable,
        milliseconds=traced.milliseconds,
        database_ms=sum(group.total_ms for group in groups),
        commits=traced.commits,
        rollbacks=traced.rollbacks,
        kept=traced.kept,
        groups=tuple(groups),
    )


def _group(fingerprint: str, records: list[Record]) -> Group:
    slowest = max(records, key=lambda record: record.milliseconds)
    return Group(
        fingerprint=fingerprint,
        text=slowest.text,
        count=len(records),
        total_ms=sum(record.milliseconds for record in records),
        median_ms=median(record.milliseconds for record in records),
        rows=sum(record.rows or 0 for record in records),
        distinct=len({record.values for record in records}),
        sources=_sources(records),
        cause=slowest.cause,
        path=slowest.path,
        many=slowest.many,
        slowest=slowest,
    )


def _sources(records: Iterable[Record]) -> tuple[tuple[Source, int], ...]:
    """The lines a statement was sent from, the busiest first."""
    counts: dict[Source, int] = defaultdict(int)
    for record in records:
        if record.source is not None:
            counts[record.source] += 1
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0]))))


def _fingerprint(text: str) -> str:
    """What is equal for equal statements, also of a driver whose placeholders are no SQL."""
    import postgast

    from dbtool.explain.parameters import number
    from dbtool.sql.text import fingerprint

    try:
        return fingerprint(number(text).text)
    except (postgast.PgQueryError, UnicodeEncodeError):
        return text
