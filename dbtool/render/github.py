"""Findings as GitHub workflow commands, which show them beside the lines of a pull request."""

import os
import re

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Location, Unknown
from dbtool.render.counts import count_line
from dbtool.render.words import clean
from dbtool.report import Report
from dbtool.severity import Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}

_PLACE = re.compile(r"(?:^|(?<=[\s\"(]))([^\s\"(:]+\.\w+)(?::|\"?, line )(\d+)")
"""How a detail names a line of a file: `migrations/env.py:12`, `migrations/env.py, line 12`."""


def render(report: Report, workspace: str = "") -> str:
    """The headline, one annotation per finding, and the count."""
    around = (report.headline, annotations(report, workspace), count_line(report))
    return "".join(f"{part.rstrip()}\n" for part in around if part)


def annotations(report: Report, workspace: str = "") -> str:
    """One workflow command per finding, per unknown and for a failure beside them.

    `workspace` is the repository's root.
    """
    lines = [_finding(finding, workspace) for finding in report.findings]
    lines += [_unknown(unknown, workspace) for unknown in report.unknowns]
    failed = "" if report.error is None else failure(report.command, report.error, workspace)
    return "".join(f"{line}\n" for line in lines) + failed


def failure(command: str, error: DbtoolError, workspace: str = "") -> str:
    """A run that failed as one annotation, beside the line of the file it names."""
    parts = (error.message, error.detail, error.hint and f"hint: {error.hint}")
    found = _PLACE.search(f"{error.message}\n{error.detail}")
    place = Location(found[1], int(found[2])) if found else None
    properties = {**_place(place, workspace), "title": f"dbtool {command}".rstrip()}
    return f"{_command('error', properties, chr(10).join(filter(None, parts)))}\n"


def _finding(finding: Finding, workspace: str) -> str:
    message = [f"{finding.title} ({finding.certainty})", *finding.evidence]
    if finding.location and finding.location.name:
        message.append(f"at {finding.location.name}")
    if finding.fix:
        message += [f"fix: {finding.fix.label}".rstrip(), finding.fix.code]
    properties = {**_place(finding.location, workspace), "title": finding.rule}
    return _command(_LEVELS[finding.severity], properties, "\n".join(message))


def _unknown(unknown: Unknown, workspace: str) -> str:
    message = f"unknown: {unknown.reason}\nto decide: {unknown.decide}"
    properties = {**_place(unknown.location, workspace), "title": unknown.rule}
    return _command("notice", properties, message)


def _place(location: Location | None, workspace: str) -> dict[str, str]:
    if location is None or location.file is None:
        return {}
    place = {"file": _from_root(location.file, workspace)}
    return place if location.line is None else {**place, "line": str(location.line)}


def _from_root(file: str, workspace: str) -> str:
    """The path as GitHub knows it: from the root of the repository."""
    path = os.path.relpath(file, workspace) if workspace else file
    return file if path.startswith("..") else path


def _command(level: str, properties: dict[str, str], message: str) -> str:
    given = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items())
    return f"::{level} {given}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
