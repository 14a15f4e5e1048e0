"""Findings beside the lines of a pull request."""

from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.finding import Location
from dbtool.render.github import annotations, render
from dbtool.report import Report
from dbtool.severity import Severity
from tests.render.reports import BARE, EVERYTHING, FULL


def test_everything() -> None:
    """The headline, one command per finding and per unknown, and the count."""
    assert render(EVERYTHING) == (
        "12 of 97 slots are free\n"
        "::warning file=app/queries.py,line=31,title=rows-discarded::"
        "99 %25 of the rows read from orders are thrown away (measured)"
        "%0A100,000 rows read, 12 kept%0Afilter: status = 'open'%0Aat Seq Scan on orders"
        "%0Afix: an index for the filter"
        "%0ACREATE INDEX CONCURRENTLY ix_orders_status%0A    ON orders (status);\n"
        "::error title=big-table::orders is rewritten (heuristic)\n"
        "::notice title=slow-statements::unknown: no right to read pg_stat_statements"
        "%0Ato decide: GRANT pg_monitor TO app;\n"
        "1 error, 1 warning, 1 unknown\n"
    )


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.NOTE, "notice"), (Severity.WARNING, "warning"), (Severity.ERROR, "error")],
)
def test_levels(severity: Severity, level: str) -> None:
    """Each severity has its level."""
    report = Report(command="x", data=None, findings=(replace(BARE, severity=severity),))
    assert annotations(report).startswith(f"::{level} title=big-table::")


def test_signs_of_the_protocol() -> None:
    """What separates the parts of a command is escaped in them; a finding stays one line."""
    finding = replace(
        BARE, title="50%\r\n::error::x", location=Location(file="a,b:c%.py", line=None)
    )
    assert annotations(Report(command="x", data=None, findings=(finding,))) == (
        "::error file=a%2Cb%3Ac%25.py,title=big-table::50%25%0A::error::x (heuristic)\n"
    )


def test_paths_from_the_root_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that runs in a directory of the repository still points at its files."""
    backend = tmp_path / "backend"
    backend.mkdir()
    monkeypatch.chdir(backend)
    report = Report(command="x", data=None, findings=(FULL,))
    assert "file=backend/app/queries.py," in annotations(report, str(tmp_path))
    absolute = replace(FULL, location=Location(file=str(backend / "a.py"), line=1))
    outside = replace(FULL, location=Location(file="/elsewhere/a.py", line=1))
    both = Report(command="x", data=None, findings=(absolute, outside))
    inside, beyond = annotations(both, str(tmp_path)).splitlines()
    assert inside.startswith("::warning file=backend/a.py,line=1,")
    assert beyond.startswith("::warning file=/elsewhere/a.py,line=1,")
