"""The one result every command returns, its wording, its exit code and its JSON form."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Literal
from uuid import UUID

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Unknown
from dbtool.severity import FailOn as FailOn
from dbtool.severity import Severity

SCHEMA = 1
"""Number of the JSON envelope; raised when a field changes meaning or goes away.

1: command, data, findings, unknown; or command, error; or all of them, where the command failed
at a part of what it was to do.
"""

Tone = Literal["plain", "strong", "muted", "good", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Styled:
    """Text with a meaning that a format may show by colour; never by colour alone."""

    text: str
    tone: Tone


Cell = str | Styled


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, or a few lines, printed as they are."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table column; a shrinking column gives way first on a narrow terminal.

    Where it would have to become narrower than `least`, optional columns are left out first,
    the highest number before the others; below zero only where no table would fit with them.
    """

    title: str
    align: Literal["left", "right"] = "left"
    shrink: bool = False
    optional: int = 0
    least: int = 24


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; where no column has a title there is no line of titles."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree and what hangs below it."""

    label: Cell
    children: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """A hierarchy, one line per node."""

    roots: tuple[Node, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Code to read or paste."""

    language: str
    code: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One measured share of a whole; `value` and `total` are in the same unit."""

    label: str
    value: float
    total: float
    text: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares drawn beside each other."""

    bars: tuple[Bar, ...]
    title: str = ""


Section = Text | Table | Tree | Code | Diff | Bars


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that monitoring keeps; the unit is the end of its name, as in `wait_seconds`."""

    name: str
    value: float
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a command found or did; formats print it, nothing else does.

    `headline` answers the command's question in one line. `data` is the family's own
    frozen dataclass and the whole of what `--json` prints besides the findings.
    `judged` says that rules ran, so that a clean result is worth a closing line. `below` are
    sections that come after the findings. `metrics` are for monitoring alone, and `raw` is what
    a server printed, as it is. `error` is what the command failed at, beside all it found.

    Headlines, titles, findings and notes begin in lower case, unless with a name, and have no
    full stop, as PostgreSQL's messages do; the detail and hint of an error are sentences.
    """

    command: str
    data: object
    headline: str = ""
    sections: tuple[Section, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    judged: bool = False
    below: tuple[Section, ...] = ()
    metrics: tuple[Metric, ...] = ()
    raw: str = ""
    error: DbtoolError | None = None


def facts(named: Iterable[tuple[str, str]], title: str = "") -> Table:
    """Values that have names, one a line."""
    return Table((Column(""), Column("")), tuple(named), title)


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f", +{more:,} more" if more > 0 else "")


def percent(share: float) -> str:
    """A share of one: `12 %`."""
    return f"{share * 100:.0f} %"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit: `0.02 s`, `2.3 s`, `12 s`, `2.5 min`, `3 d`."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            many = seconds / size
            return f"{many:.0f} {unit}" if many >= 10 else f"{many:.1f} {unit}".replace(".0 ", " ")
    if seconds >= 10:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


def exit_code(report: Report, fail_on: FailOn) -> int:
    """0, or 1 where a finding reaches `fail_on`; `unknown` fails on errors and on unknowns."""
    if fail_on is FailOn.NEVER:
        return 0
    if fail_on is FailOn.UNKNOWN and report.unknowns:
        return 1
    least = Severity.ERROR if fail_on is FailOn.UNKNOWN else Severity[fail_on.name]
    return int(any(finding.severity >= least for finding in report.findings))


def envelope(report: Report) -> dict[str, object]:
    """The report as plain JSON values; with `error` where a part of the command failed."""
    return {
        "schema": SCHEMA,
        "command": report.command,
        "data": plain(report.data),
        "findings": plain(report.findings),
        "unknown": plain(report.unknowns),
        **({} if report.error is None else _error(report.error)),
    }


def error_envelope(command: str, error: DbtoolError) -> dict[str, object]:
    """The envelope of a command that failed; `data` where it had done something before."""
    done = {} if error.done is None else {"data": plain(error.done)}
    return {"schema": SCHEMA, "command": command, **done, **_error(error)}


def _error(error: DbtoolError) -> dict[str, object]:
    parts = ("message", "detail", "hint", "exit")
    return {"error": {name: getattr(error, name) for name in parts}}


def plain(value: object) -> object:
    """Turn a result into JSON values; dataclass fields keep their names.

    Durations become seconds, times ISO 8601, severities their word, and a number that is
    infinite or none at all becomes null. A field with `metadata={"json": False}` is left out.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is tuple:
        return [plain(item) for item in value]  # type: ignore[attr-defined]
    if (names := _fields(kind)) is not None:  # type: ignore[arg-type]
        return {
            name: each if type(each := getattr(value, name)) in _AS_THEY_ARE else plain(each)
            for name in names
        }
    match value:
        case Enum():
            return _scalar(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=str)
    return _scalar(value)


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


@functools.cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass that are told; None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    told = (each for each in dataclasses.fields(kind) if each.metadata.get("json", True))
    return tuple(each.name for each in told)


def _scalar(value: object) -> object:
    match value:
        case Severity():
            return value.word
        case Enum():
            return value.value
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID() | Path():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
