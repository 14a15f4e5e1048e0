"""The closing line of a report: how much was found, and how much nobody could tell."""

from dbtool.report import Report
from dbtool.severity import Severity


def count_line(report: Report) -> str:
    """For example `1 error, 2 warnings, 1 unknown`; empty where nothing was judged."""
    counts = [
        _counted(sum(finding.severity is severity for finding in report.findings), severity.word)
        for severity in reversed(Severity)
    ]
    found = [count for count in counts if count]
    if report.unknowns:
        found.append(f"{len(report.unknowns)} unknown")
    if report.judged and not report.findings:
        found.insert(0, "no findings")
    return ", ".join(found)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number > 1 else ''}" if number else ""
