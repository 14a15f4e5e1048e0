"""SARIF, GitLab's Code Quality report and JUnit, as the services that read them want it."""

import json
from dataclasses import replace
from xml.etree import ElementTree

from dbtool import __version__
from dbtool.finding import Finding, Location
from dbtool.render import gitlab, junit, sarif
from dbtool.report import Report
from dbtool.severity import Severity
from tests.render.reports import BARE, EVERYTHING, FULL

NOTHING = Report(command="lint", data=None, headline="fine", judged=True)
TWICE = Report(command="lint", data=None, findings=(FULL, FULL))


def marks(text: str) -> list[str]:
    """The fingerprints of a GitLab report."""
    return [each["fingerprint"] for each in json.loads(text)]


def test_sarif() -> None:
    """Findings have a level and a place, unknowns are to be reviewed, rules are listed once."""
    (run,) = json.loads(sarif.render(EVERYTHING))["runs"]
    assert run["tool"]["driver"] == {
        "name": "dbtool",
        "version": __version__,
        "rules": [{"id": "big-table"}, {"id": "rows-discarded"}, {"id": "slow-statements"}],
    }
    first, second, third = run["results"]
    assert len(first.pop("partialFingerprints")["dbtool/v1"]) == 32
    assert first == {
        "ruleId": "rows-discarded",
        "ruleIndex": 1,
        "kind": "fail",
        "level": "warning",
        "message": {
            "text": "99 % of the rows read from orders are thrown away (measured)\n"
            "100,000 rows read, 12 kept\nfilter: status = 'open'\n\nan index for the filter:\n"
            "CREATE INDEX CONCURRENTLY ix_orders_status\n    ON orders (status);"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "app/queries.py"},
                    "region": {"startLine": 31},
                },
                "logicalLocations": [{"fullyQualifiedName": "Seq Scan on orders"}],
            }
        ],
    }
    assert (second["level"], second["locations"]) == ("error", [])
    assert (third["kind"], third["level"]) == ("review", "none")


def test_sarif_without_findings() -> None:
    """A clean run is a run with no results, which closes earlier alerts."""
    whole = json.loads(sarif.render(NOTHING))
    assert (whole["version"], whole["runs"][0]["results"]) == ("2.1.0", [])


def test_gitlab() -> None:
    """Each entry has what GitLab requires, also where no file is known."""
    first, second, third = json.loads(gitlab.render(EVERYTHING))
    assert len(first.pop("fingerprint")) == 32
    assert first == {
        "description": "99 % of the rows read from orders are thrown away (measured);"
        " 100,000 rows read, 12 kept; filter: status = 'open'",
        "check_name": "rows-discarded",
        "severity": "major",
        "location": {"path": "app/queries.py", "lines": {"begin": 31}},
    }
    assert (second["severity"], second["location"]["path"]) == ("critical", "-")
    assert third["severity"] == "info"
    assert json.loads(gitlab.render(NOTHING)) == []


def test_fingerprints_stay_when_lines_move() -> None:
    """A finding keeps its mark on another line; two equal ones have two marks."""
    moved = replace(FULL, location=replace(FULL.location or Location(), line=99))
    there = Report(command="lint", data=None, findings=(moved, FULL))
    assert marks(gitlab.render(TWICE)) == marks(gitlab.render(there))
    assert len(set(marks(gitlab.render(TWICE)))) == 2


def test_junit() -> None:
    """Errors and warnings fail, notes pass and say something, unknowns are skipped."""
    note = replace(BARE, severity=Severity.NOTE, title="a <note> & more\x1b[31m")
    report = replace(EVERYTHING, findings=(*EVERYTHING.findings, note))
    root = ElementTree.fromstring(junit.render(report))
    suite = root[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "skipped": "1",
    }
    first = suite[0]
    assert first.get("name") == "rows-discarded app/queries.py:31, Seq Scan on orders"
    assert first[0].get("type") == "warning"
    assert "CREATE INDEX CONCURRENTLY" in (first[0].text or "")
    assert [each[0].tag for each in suite] == ["failure", "failure", "system-out", "skipped"]
    assert (suite[2][0].text or "").startswith("a <note> & more\\x1b[31m (heuristic)")


def test_junit_without_findings() -> None:
    """One test that passes shows that the suite ran."""
    (case,) = ElementTree.fromstring(junit.render(NOTHING))[0]
    assert (case.get("name"), list(case)) == ("no findings", [])


def test_a_title_that_breaks_markup() -> None:
    """Quotes and brackets reach the report as they are."""
    said = Finding(
        rule="x", severity=Severity.ERROR, title='"<b>" ]]> &amp;', certainty=BARE.certainty
    )
    report = Report(command="lint", data=None, findings=(said,))
    case = ElementTree.fromstring(junit.render(report))[0][0]
    assert case[0].get("message") == '"<b>" ]]> &amp; (heuristic)'
