"""The one result of every command."""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from dbtool.errors import ConnectError
from dbtool.finding import Certainty, Finding, Severity, Unknown
from dbtool.report import (
    SCHEMA,
    FailOn,
    Report,
    counted,
    duration,
    envelope,
    error_envelope,
    exit_code,
    listed,
    plain,
)


@dataclass(frozen=True, slots=True)
class Inner:
    """A part of a result."""

    size: Decimal
    password: str = field(repr=False, metadata={"json": False})


@dataclass(frozen=True, slots=True)
class Outer:
    """A result."""

    parts: tuple[Inner, ...]
    names: frozenset[str]
    took: timedelta


def found(severity: Severity) -> Finding:
    """A finding of a severity."""
    return Finding(rule="r", severity=severity, title="t", certainty=Certainty.PROVEN)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), None),
        (float("-inf"), None),
        ("text", "text"),
        (Severity.WARNING, "warning"),
        (Certainty.PROVEN, "proven from history"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        ({1: (2, [3])}, {"1": [2, [3]]}),
        ({"b", "a"}, ["a", "b"]),
    ],
)
def test_plain(value: object, expected: object) -> None:
    """Every kind of value a result may hold has one JSON form."""
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_plain_of_results() -> None:
    """A result keeps its field names, and what is marked stays out."""
    result = Outer((Inner(Decimal("0.5"), "secret"),), frozenset({"x"}), timedelta(seconds=2))
    assert plain(result) == {"parts": [{"size": "0.5"}], "names": ["x"], "took": 2.0}


def test_plain_refuses_what_it_does_not_know() -> None:
    """A value without a JSON form is a mistake of the family that returned it."""
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain(object())


def test_envelope() -> None:
    """What a command found and could not tell stands beside its data."""
    doubt = Unknown(rule="u", reason="no rights", decide="GRANT")
    report = Report(
        command="check", data={"a": 1}, findings=(found(Severity.NOTE),), unknowns=(doubt,)
    )
    assert envelope(report) == {
        "schema": SCHEMA,
        "command": "check",
        "data": {"a": 1},
        "findings": [
            {
                "rule": "r",
                "severity": "note",
                "title": "t",
                "certainty": "proven from history",
                "evidence": [],
                "location": None,
                "fix": None,
            }
        ],
        "unknown": [{"rule": "u", "reason": "no rights", "decide": "GRANT", "location": None}],
    }
    assert json.dumps(envelope(report))


def test_error_envelope() -> None:
    """A failure has the same envelope with an error in place of the data."""
    error = ConnectError("no route", detail="it is far", hint="Move closer.")
    assert error_envelope("pool", error) == {
        "schema": SCHEMA,
        "command": "pool",
        "error": {"message": "no route", "detail": "it is far", "hint": "Move closer.", "exit": 3},
    }


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("fail_on", list(FailOn))
def test_exit_code(severity: Severity, fail_on: FailOn) -> None:
    """A finding fails a command from --fail-on upwards; unknown stands beside error."""
    report = Report(command="x", data=None, findings=(found(severity),))
    least = {"note": 1, "warning": 2, "error": 3, "unknown": 3, "never": 4}[fail_on.value]
    assert exit_code(report, fail_on) == int(severity >= least)


@pytest.mark.parametrize("fail_on", list(FailOn))
def test_exit_code_of_unknowns(fail_on: FailOn) -> None:
    """What could not be decided fails a command only where that is asked for."""
    doubt = Unknown(rule="u", reason="no rights", decide="GRANT")
    report = Report(command="x", data=None, unknowns=(doubt,))
    assert exit_code(report, fail_on) == int(fail_on is FailOn.UNKNOWN)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.016, "0.02 s"),
        (2.34, "2.3 s"),
        (119, "119 s"),
        (120, "2 min"),
        (150, "2.5 min"),
        (7_100, "118 min"),
        (7_200, "2 h"),
        (40_000, "11 h"),
        (86_400 * 30, "30 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """A length of time has the largest unit that fits twice, and about two digits."""
    assert duration(seconds) == text


def test_numbers_and_lists() -> None:
    """Nouns follow their number, and long lists say how much they leave out."""
    assert (counted(1, "row"), counted(0, "row"), counted(1200, "row")) == (
        "1 row",
        "0 rows",
        "1,200 rows",
    )
    assert (listed(["a", "b"]), listed(["a", "b", "c"], 2)) == ("a, b", "a, b, +1 more")
