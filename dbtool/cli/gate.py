"""`dbtool check --all`: every check a change has to pass, as one report."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtool.cli import output, several
from dbtool.cli.command import Call
from dbtool.cli.migrate import opened
from dbtool.errors import (
    ConnectError,
    DbtoolError,
    Interrupted,
    OperationError,
    ProjectError,
    UsageError,
)
from dbtool.finding import Unknown
from dbtool.report import Column, Report, Styled, Table, Tone, counted, duration
from dbtool.severity import Severity

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.ports import Progress
    from dbtool.scratch.server import Server

_TONES: dict[Severity, Tone] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}
_MODELS = 'models = "package.module:Base" in the settings'


@dataclass(frozen=True, slots=True)
class Part:
    """One check: its name, what it says in a line, and all it found; no data where it did not run.

    `worst` is the severity of its worst finding, `found` says how many of each there are;
    `failed` that it ended by an error which fails the command.
    """

    name: str
    headline: str
    data: object
    worst: Severity | None
    found: str
    findings: int
    unknowns: int
    seconds: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """All parts, in the order they ran."""

    parts: tuple[Part, ...]


def gate(call: Call, released: str | None = None) -> Report:
    """Run every part; what cannot be judged is unknown, and the others go on.

    A server that is away, and code of the project that raises, are nobody's finding: the first
    of them fails the command, in the report of all parts.
    """
    from dbtool.scratch.server import throwaway

    call.runs_long()
    done: list[tuple[Part, Report]] = []
    with throwaway(settings={"jit": "off", "max_locks_per_transaction": "512"}) as server:
        for name, run in _parts(call, server, released):
            begun = time.perf_counter()
            report = _ran(name, run)
            done.append((_part(name, report, time.perf_counter() - begun), report))
    return _report(call.command, done)


def _parts(
    call: Call, server: "Server", released: str | None
) -> Iterator[tuple[str, Callable[[], Report]]]:
    yield "heads", lambda: _heads(call)
    yield "models", lambda: _models(call)
    yield "lint", lambda: _lint(call)
    if released is not None:
        yield "release", lambda: _released(call, released)
    yield "history", lambda: _history(call, server)
    if call.settings.has_target():
        yield "database", lambda: _database(call, server)
    yield "round trip", lambda: _round_trip(call, server)


def _ran(name: str, run: Callable[[], Report]) -> Report:
    """One part; settings that are wrong are nobody's finding, and an interrupt ends all of it.

    What a history needs and is not here, an extension, is unknown; what fails wherever it runs
    is an error too, and so is code that cannot be imported or begun, for whatever reason.
    """
    from dbtool.migrate.fault import is_fault
    from dbtool.scratch.ended import Ended

    try:
        with output.reserved():
            return run()
    except Interrupted:
        raise
    except DbtoolError as error:
        if isinstance(error, UsageError) and not isinstance(error, ProjectError):
            raise
        failed = isinstance(error, ConnectError | ProjectError | Ended) or is_fault(error)
        decide = error.hint or next(iter(error.detail.splitlines()), "") or f"dbtool {name}"
        unknown = Unknown(rule="check", reason=f"{name}: {error.message}", decide=decide)
        return Report(
            command="",
            data=None,
            headline=error.message,
            unknowns=(unknown,),
            error=_failing(error) if failed else None,
        )


def _failing(error: DbtoolError) -> DbtoolError:
    """Why the gate fails: code that raises is what it was to try, nobody's wrong usage."""
    if isinstance(error, ProjectError):
        return OperationError(error.message, detail=error.detail, hint=error.hint)
    return error


def _heads(call: Call) -> Report:
    from dbtool.migrate import view_heads
    from dbtool.migrate.heads import heads_of
    from dbtool.migrate.history import history

    project = opened(call, offline=True)
    return view_heads.heads(heads_of(history(project), project.place.base), call.command)


def _models(call: Call) -> Report:
    """The rules over the models that the settings name."""
    from dbtool.cli import modelling

    if call.settings.models:
        return modelling.judged(call, (), ())
    unknown = Unknown(rule="check", reason="models: the settings name none", decide=_MODELS)
    return Report(command=call.command, data=None, headline="not judged", unknowns=(unknown,))


def _released(call: Call, name: str) -> Report:
    from dbtool.cli import modelling

    return modelling.released(call, name)


def _lint(call: Call) -> Report:
    """The revisions the main branch does not have, measured where the settings say so."""
    from dbtool.cli import judging
    from dbtool.lint import view
    from dbtool.lint.fixing import in_own_language

    keys = call.settings.keys
    found = judging.revisions(call, (), None)
    measured = None
    if keys.lint_measure:
        measured = judging.measured(call, found, keys.lint_pg, None)
    linted = judging.Judge(judging.rules(call, None, None), keys.lint_pg)(found, measured)
    notes = tuple(judging.notes_on(found, measured, None))
    return view.report(in_own_language(linted), call.command, notes=notes)


def _history(call: Call, server: "Server") -> Report:
    from dbtool.migrate import view
    from dbtool.migrate.replayed import check_history

    def one(project: "Project", progress: "Progress") -> Report:
        report = view.drift(check_history(project, progress, server), call.command)
        return report if project.only is None else replace(report, next=())

    return several.together(call, opened(call, offline=True), one)


def _database(call: Call, server: "Server") -> Report:
    """A database that is behind cannot be what the models want: it is to be what it records."""
    from dbtool.migrate import view
    from dbtool.migrate.behind import behind
    from dbtool.migrate.drift import check

    project = opened(call)
    found = check(project, call.progress)
    report = view.drift(found, call.command)
    if not found.pending:
        return report
    if len(found.standings) == 1:
        return view.behind(behind(project, call.progress, found, server), call.command)
    unknown = Unknown(
        rule="check",
        reason=f"{report.headline}: env.py goes through several version tables",
        decide="dbtool upgrade, and then dbtool check",
    )
    return replace(report, findings=(), unknowns=(unknown,))


def _round_trip(call: Call, server: "Server") -> Report:
    from dbtool.migrate import view_roundtrip
    from dbtool.migrate.fault import is_fault
    from dbtool.migrate.roundtrip import round_trip
    from dbtool.migrate.selection import Wanted
    from dbtool.seed.fill import fill

    wanted = Wanted(since=call.settings.keys.lint_since)

    def one(project: "Project", progress: "Progress") -> Report:
        found = round_trip(project, wanted, progress, server=server, fill=fill, blames=is_fault)
        return view_roundtrip.roundtrip(found, call.command)

    return several.together(call, opened(call, offline=True), one)


def _part(name: str, report: Report, seconds: float) -> Part:
    worst = max((each.severity for each in report.findings), default=None)
    count, unknowns = len(report.findings), len(report.unknowns)
    found = ", ".join(
        counted(number, severity.word)
        for severity in sorted(Severity, reverse=True)
        if (number := sum(each.severity is severity for each in report.findings))
    )
    failed = report.error is not None
    return Part(name, report.headline, report.data, worst, found, count, unknowns, seconds, failed)


def _report(command: str, done: list[tuple[Part, Report]]) -> Report:
    findings = [each for _, report in done for each in report.findings]
    findings.sort(key=lambda each: -each.severity)
    parts = tuple(part for part, _ in done)
    rows = tuple(
        (each.name, _result(each), each.headline, duration(each.seconds)) for each in parts
    )
    columns = Column("check"), Column("found"), Column("", shrink=True), Column("took", "right")
    following = (step for _, report in done if report.findings for step in report.next)
    return Report(
        command=command,
        data=Gate(parts),
        headline=_headline(parts),
        sections=(Table(columns, rows),),
        findings=tuple(findings),
        unknowns=tuple(each for _, report in done for each in report.unknowns),
        next=tuple(dict.fromkeys(following)),
        judged=True,
        error=next((report.error for _, report in done if report.error), None),
    )


def _result(part: Part) -> Styled:
    if part.failed:
        return Styled("failed", "error")
    if part.worst is not None:
        return Styled(part.found, _TONES[part.worst])
    return Styled("unknown", "muted") if part.unknowns else Styled("nothing", "good")


def _headline(parts: tuple[Part, ...]) -> str:
    found = [each.name for each in parts if each.findings]
    failed = [each.name for each in parts if each.failed]
    also = f"; failed: {', '.join(failed)}" if failed else ""
    if found:
        which = f"{len(found)} of {counted(len(parts), 'check')} found something"
        return f"{which}: {', '.join(found)}{also}"
    unknown = [each.name for each in parts if each.unknowns and not each.failed]
    also += f"; not all could be judged: {', '.join(unknown)}" if unknown else ""
    return f"{counted(len(parts), 'check')}, nothing found{also}"
