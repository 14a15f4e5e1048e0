"""Findings as GitLab's Code Quality report, shown in merge requests."""

import json

from dbtool.finding import Finding, Unknown
from dbtool.render.fingerprint import fingerprints
from dbtool.render.words import clean, one_line
from dbtool.report import Report
from dbtool.severity import Severity

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "minor"}


def render(report: Report) -> str:
    """An entry for each finding and each unknown; GitLab takes none without a file."""
    told: list[Finding | Unknown] = [*report.findings, *report.unknowns]
    entries = [_entry(each, mark) for each, mark in zip(told, fingerprints(told), strict=True)]
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


def _entry(told: Finding | Unknown, mark: str) -> dict[str, object]:
    place = told.location
    if isinstance(told, Finding):
        severity = _SEVERITIES[told.severity]
        text = "; ".join((f"{told.title} ({told.certainty})", *told.evidence))
    else:
        severity, text = "info", f"unknown: {told.reason}; to decide: {told.decide}"
    return {
        "description": one_line(clean(text)),
        "check_name": told.rule,
        "fingerprint": mark,
        "severity": severity,
        "location": {
            "path": (place and place.file) or "-",
            "lines": {"begin": (place and place.line) or 1},
        },
    }
