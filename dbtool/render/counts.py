"""The closing line of a report: how much was found, and how much nobody could tell."""

from dbtool.report import Report, counted
from dbtool.severity import Severity


def count_line(report: Report) -> str:
    """For example `1 error, 2 warnings, 1 unknown`; empty where nothing was judged."""
    found = [
        counted(number, severity.word)
        for severity in reversed(Severity)
        if (number := sum(finding.severity is severity for finding in report.findings))
    ]
    if report.unknowns:
        found.append(f"{len(report.unknowns)} unknown")
    if report.judged and not report.findings:
        found.insert(0, "no findings")
    return ", ".join(found)
