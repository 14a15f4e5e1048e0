"""Findings as JUnit XML, which nearly every CI system shows as tests that failed."""

from xml.sax.saxutils import escape, quoteattr

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Unknown
from dbtool.render.words import clean
from dbtool.report import Report
from dbtool.severity import Severity


def render(report: Report) -> str:
    """A failed test for each error and warning, a skipped one for each unknown.

    Notes pass, with what they say as their output. Where nothing was found one test passes, so
    that the suite is seen to have run.
    """
    cases = [_case(report, each) for each in report.findings]
    cases += [_skipped(report, each) for each in report.unknowns]
    cases += [] if report.error is None else [_failed(report, report.error)]
    cases = cases or [f"    <testcase{_name(report.command, 'no findings')}/>"]
    failed = sum(each.severity > Severity.NOTE for each in report.findings)
    numbers = f'tests="{len(cases)}" failures="{failed}" skipped="{len(report.unknowns)}"'
    numbers += "" if report.error is None else ' errors="1"'
    suite = f"  <testsuite name={quoteattr('dbtool ' + report.command)} {numbers}>"
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {numbers}>", suite]
    return "\n".join([*lines, *cases, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(report: Report, finding: Finding) -> str:
    body = [*finding.evidence]
    if finding.fix:
        body += ["", f"{finding.fix.label}:".lstrip(":"), finding.fix.code]
    text = _text("\n".join((str(finding.location or ""), *body)).strip("\n"))
    title = f"{finding.title} ({finding.certainty})"
    name = _name(report.command, f"{finding.rule} {finding.location or ''}".rstrip())
    if finding.severity is Severity.NOTE:
        said = _text(title)
        inner = f"      <system-out>{said}\n{text}</system-out>"
    else:
        attributes = f"type={quoteattr(finding.severity.word)} message={quoteattr(clean(title))}"
        inner = f"      <failure {attributes}>{text}</failure>"
    return f"    <testcase{name}>\n{inner}\n    </testcase>"


def _skipped(report: Report, unknown: Unknown) -> str:
    name = _name(report.command, f"{unknown.rule} {unknown.location or ''}".rstrip())
    message = quoteattr(clean(f"unknown: {unknown.reason}; to decide: {unknown.decide}"))
    return f"    <testcase{name}>\n      <skipped message={message}/>\n    </testcase>"


def _failed(report: Report, error: DbtoolError) -> str:
    text = _text("\n".join(filter(None, (error.detail, error.hint))))
    inner = f"      <error message={quoteattr(clean(error.message))}>{text}</error>"
    return f"    <testcase{_name(report.command, 'error')}>\n{inner}\n    </testcase>"


def _name(command: str, name: str) -> str:
    return f" classname={quoteattr('dbtool.' + command)} name={quoteattr(clean(name))}"


def _text(text: str) -> str:
    return escape(clean(text))
