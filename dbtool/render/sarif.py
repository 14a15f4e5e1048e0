"""Findings as SARIF 2.1.0, which code scanning services read."""

import json
from importlib.metadata import version

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Location, Unknown
from dbtool.render.fingerprint import fingerprints
from dbtool.render.words import clean
from dbtool.report import Report
from dbtool.severity import Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

Value = dict[str, object]


def render(report: Report) -> str:
    """One run with a result for each finding, and one to be reviewed for each unknown."""
    told: list[Finding | Unknown] = [*report.findings, *report.unknowns]
    rules = sorted({each.rule for each in told})
    results = [
        _result(each, rules.index(each.rule), mark)
        for each, mark in zip(told, fingerprints(told), strict=True)
    ]
    driver: Value = {
        "name": "dbtool",
        "version": version("dbtool-pg"),
        "rules": [{"id": rule} for rule in rules],
    }
    run: Value = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    if report.error is not None:
        run["invocations"] = [_failed(report.error)]
    whole = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _result(told: Finding | Unknown, rule: int, mark: str) -> Value:
    if isinstance(told, Finding):
        text = "\n".join((f"{told.title} ({told.certainty})", *told.evidence))
        if told.fix:
            text += f"\n\n{told.fix.label}:\n{told.fix.code}"
        kind: Value = {"kind": "fail", "level": _LEVELS[told.severity]}
    else:
        text = f"{told.reason}\nto decide: {told.decide}"
        kind = {"kind": "review", "level": "none"}
    return {
        "ruleId": told.rule,
        "ruleIndex": rule,
        **kind,
        "message": {"text": clean(text)},
        "locations": _locations(told.location),
        "partialFingerprints": {"dbtool/v1": mark},
    }


def _failed(error: DbtoolError) -> Value:
    text = "\n".join(filter(None, (error.message, error.detail, error.hint)))
    told: Value = {"level": "error", "message": {"text": clean(text)}}
    return {"executionSuccessful": False, "toolExecutionNotifications": [told]}


def _locations(location: Location | None) -> list[Value]:
    if location is None:
        return []
    place: Value = {}
    if location.file:
        physical: Value = {"artifactLocation": {"uri": location.file.replace("\\", "/")}}
        if location.line:
            physical["region"] = {"startLine": location.line}
        place["physicalLocation"] = physical
    if location.name:
        place["logicalLocations"] = [{"fullyQualifiedName": location.name}]
    return [place] if place else []
