"""Spells the commands a report names so that they lead to the database it is about."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.cli.shared import Options

if TYPE_CHECKING:
    from dbtool.cli.command import Call
    from dbtool.finding import Finding
    from dbtool.report import Report

ANYWHERE = "dbtool rules "
"""A command that connects to no database."""

_SPOKEN = re.compile(r"dbtool (?:kill \d+|locks)(?: --[a-z-]+)*")
"""The commands that hints of `kill` name."""


def led(call: "Call", report: "Report") -> "Report":
    """The report whose commands go where this one went: elsewhere a pid is somebody else's."""
    given = place(call.options)
    if not given:
        return report
    next_ = tuple(_at(each, given) for each in report.next)
    findings = tuple(_ended(each, given) for each in report.findings)
    tree = report.command == "locks" and bool(report.sections)
    if not tree and (next_, findings) == (report.next, report.findings):
        return report
    secret = tells_secret(call)
    need = "commands need " + ("the same --url" if call.options.url else given)
    notes = _noted(report.notes, need, tree) if secret or tree else report.notes
    if secret:
        return replace(report, notes=notes)
    return replace(report, next=next_, findings=findings, notes=notes)


def _noted(notes: tuple[str, ...], said: str, tree: bool) -> tuple[str, ...]:
    """A tree has its pids alone, to stay readable, and its note stays in one line."""
    return (f"{notes[0]}; {said}", *notes[1:]) if tree and notes else (*notes, said)


def told(call: "Call", sentence: str) -> str:
    """A sentence about what may be done to a session, whose commands go to the same server."""
    given = place(call.options)
    if not given or not _SPOKEN.search(sentence):
        return sentence
    if tells_secret(call):
        return f"{sentence}\nCommands need the same --url."
    return _SPOKEN.sub(lambda found: f"{found[0]} {given}", sentence)


def tells_secret(call: "Call") -> bool:
    """Whether the URL that was given may tell a password, be it one that another takes back."""
    url = call.options.url
    if not url:
        return False
    login = url.partition("://")[2].rpartition("@")[0]
    return ":" in login or "password" in url.lower() or call.target.holds_secret


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
