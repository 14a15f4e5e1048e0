"""The report of what was judged: the verdict in one line, then what is wrong, worst first."""

from collections.abc import Iterator

from dbtool.finding import Finding, Unknown
from dbtool.lint.linted import Linted
from dbtool.report import Report, counted
from dbtool.severity import Severity


def report(
    linted: Linted,
    command: str,
    *,
    notes: tuple[str, ...] = (),
    next: tuple[str, ...] = (),  # noqa: A002 - the name of the report's field
) -> Report:
    """What was found, what could not be decided, and how it was judged."""
    findings = worst_first(linted.findings)
    return Report(
        command=command,
        data=linted,
        headline=f"{linted.chosen}: {_verdict(linted)}",
        findings=findings,
        unknowns=linted.unknowns,
        notes=(*how(linted), *notes),
        next=next or tuple(_next(findings)),
        judged=bool(linted.outcomes),
    )


def _verdict(linted: Linted) -> str:
    return verdict(linted.findings, linted.unknowns) if linted.outcomes else "nothing to judge"


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings by severity; of one severity in the order of the statements."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity))


def verdict(findings: tuple[Finding, ...], unknowns: tuple[Unknown, ...]) -> str:
    """The count in words: `2 errors, 1 warning, 1 unknown`."""
    numbers = [
        (sum(finding.severity is severity for finding in findings), severity.word)
        for severity in sorted(Severity, reverse=True)
    ]
    parts = [counted(number, word) for number, word in numbers if number]
    if unknowns:
        parts.append(f"{len(unknowns):,} unknown")
    return ", ".join(parts) or "nothing found"


def how(linted: Linted) -> Iterator[str]:
    """For which server they were judged, and what is left out by whose word."""
    if not linted.outcomes:
        return
    before = f", after {counted(linted.replayed, 'earlier revision')}" if linted.replayed else ""
    if linted.known_from:
        before = f", on the schema of {linted.known_from}"
    yield (
        f"{counted(linted.statements, 'statement')} judged for PostgreSQL {linted.server}{before}"
    )
    if linted.allowed:
        number = counted(len(linted.allowed), "finding")
        are = "is" if len(linted.allowed) == 1 else "are"
        yield f"{number} {are} allowed by comments that say why; --json lists them"


def _next(findings: tuple[Finding, ...]) -> Iterator[str]:
    rules = dict.fromkeys(finding.rule for finding in findings)
    if rules:
        yield f"dbtool rules {next(iter(rules))}"
