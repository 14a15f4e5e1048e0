"""Spells the commands a report names so that they lead to the database it is about."""

from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.cli.shared import Options

if TYPE_CHECKING:
    from dbtool.cli.command import Call
    from dbtool.finding import Finding
    from dbtool.report import Report

ANYWHERE = "dbtool rules "
"""A command that connects to no database."""


def led(call: "Call", report: "Report") -> "Report":
    """The report whose commands go where this one went: elsewhere a pid is somebody else's."""
    given = place(call.options)
    if not given or not (report.next or report.findings):
        return report
    secret = bool(call.options.url) and call.target.holds_secret
    tree = report.command == "locks" and bool(report.sections)
    need = "commands need " + ("the same --url" if call.options.url else given)
    notes = _noted(report.notes, need) if secret or tree else report.notes
    if secret:
        return replace(report, notes=notes)
    return replace(
        report,
        next=tuple(_at(each, given) for each in report.next),
        findings=tuple(_ended(each, given) for each in report.findings),
        notes=notes,
    )


def _noted(notes: tuple[str, ...], said: str) -> tuple[str, ...]:
    """A tree has its pids alone, to stay readable, and its note stays in one line."""
    return (f"{notes[0]}; {said}", *notes[1:]) if notes else (said,)


def place(options: Options) -> str:
    """What named the database on the command line."""
    import shlex

    named = {"--url": options.url, "--env": options.env}
    return shlex.join(word for flag, value in named.items() if value for word in (flag, value))


def _at(command: str, given: str) -> str:
    ours = command.startswith("dbtool ") and not command.startswith(ANYWHERE)
    return f"{command} {given}" if ours else command


def _ended(finding: "Finding", given: str) -> "Finding":
    fix = finding.fix
    if fix is None:
        return finding
    code = "\n".join(_at(each, given) for each in fix.code.splitlines())
    return replace(finding, fix=replace(fix, code=code))
