"""Turn a traced call into a report: what it sent, from where, and what is slow about it."""

import re
from collections.abc import Iterator
from dataclasses import replace

from dbtool.explain.examined import Explained
from dbtool.explain.trace.groups import Group, Trace
from dbtool.explain.view import report as plan_report
from dbtool.explain.wording import duration, milliseconds
from dbtool.finding import Finding, Location
from dbtool.report import Cell, Column, Report, Section, Styled, Table, counted, percent

_WIDTH = 70
_NUMBERS = re.compile(r"\b(?:insert|merge|nextval|setval)\b", re.I)


def report(trace: Trace) -> Report:
    """The statements of one call, what rules say about them, and the plans worth a look."""
    of_plans = tuple(finding for group in trace.groups for finding in _of_plan(group))
    return Report(
        command="trace",
        data=trace,
        headline=_headline(trace),
        sections=tuple(_sections(trace)),
        findings=(*trace.findings, *of_plans),
        unknowns=trace.unknowns,
        notes=(*trace.notes, *_ended(trace)),
        judged=True,
    )


def _headline(trace: Trace) -> str:
    if not trace.groups:
        return f"{trace.callable} sent nothing in {duration(trace.milliseconds)}"
    share = trace.database_ms / trace.milliseconds if trace.milliseconds else 0.0
    return (
        f"{counted(trace.statements, 'statement')} in {duration(trace.milliseconds)},"
        f" {percent(min(share, 1.0))} of it waiting for them; {len(trace.groups)} different"
    )


def _ended(trace: Trace) -> Iterator[str]:
    did = f"{counted(trace.commits, 'commit')} and {counted(trace.rollbacks, 'rollback')}"
    if trace.traced.connections > 1 and trace.commits and not trace.kept:
        yield (
            f"it used {trace.traced.connections} connections, each in a transaction of its own, and"
            " none saw what another had committed: what follows from that may be missing here;"
            " --allow-writes keeps commits, for a database that may be written to"
        )
    if trace.kept:
        yield "what it committed stays in the database"
    elif trace.commits or trace.rollbacks:
        yield f"{did} became savepoints; all of it is rolled back"
    else:
        yield "all of it is rolled back"
    if not trace.kept and any(_NUMBERS.search(group.text) for group in trace.groups):
        yield "numbers that were taken from sequences stay taken"


def _sections(trace: Trace) -> Iterator[Section]:
    if not trace.groups:
        return
    yield Table(
        columns=(
            Column("#", "right"),
            Column("times", "right"),
            Column("total ms", "right"),
            Column("median", "right", optional=2),
            Column("rows", "right", optional=3),
            Column("sent by", optional=1),
            Column("statement", shrink=True, least=30),
        ),
        rows=tuple(_row(number, group) for number, group in enumerate(trace.groups, 1)),
    )
    for number, group in enumerate(trace.groups, 1):
        yield from _plan(number, group)


def _row(number: int, group: Group) -> tuple[Cell, ...]:
    repeated = group.count >= 10 and group.cause != "eager"
    times: Cell = f"{group.count:,}"
    return (
        str(number),
        Styled(f"{group.count:,}", "warning") if repeated else times,
        milliseconds(group.total_ms),
        milliseconds(group.median_ms),
        f"{group.rows:,}" if group.rows else "",
        _sender(group),
        _words(group.text),
    )


def _sender(group: Group) -> str:
    line = str(group.line) if group.line else ""
    match group.cause:
        case "lazy" | "eager":
            return f"{group.path[-1] if group.path else 'a loader'} {group.cause} {line}".strip()
        case "columns":
            return f"columns {line}".strip()
    return line


def _words(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _WIDTH else words[: _WIDTH - 1] + "…"


def _plan(number: int, group: Group) -> Iterator[Section]:
    """The plan of a statement that has findings; the others are as fast as they look."""
    if group.examined is None or not group.examined.findings:
        return
    shown = plan_report(Explained((replace(group.examined, values=""),)))
    for section in shown.sections:
        if isinstance(section, Table) and not section.title and section.columns[0].title == "#":
            yield replace(section, title=f"statement {number}: {_words(group.text)}")
        else:
            yield section


def _of_plan(group: Group) -> Iterator[Finding]:
    """A plan's findings, at the line of the application that has the statement sent."""
    line = group.line
    for finding in group.examined.findings if group.examined else ():
        node = finding.location.name if finding.location else None
        place = Location(line.file, line.line, node) if line else finding.location
        yield replace(finding, location=place)
