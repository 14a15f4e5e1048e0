"""Reports of what was done to a database, and where it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.finding import judge
from dbtool.migrate.view_current import at, ids, judged, named_by
from dbtool.migrate.waits import Waited
from dbtool.report import (
    Code,
    Column,
    Node,
    Report,
    Section,
    Table,
    Tree,
    counted,
    duration,
    listed,
)

if TYPE_CHECKING:
    from dbtool.migrate.behind import Behind
    from dbtool.migrate.downgrade import Downgraded
    from dbtool.migrate.drift import Drift
    from dbtool.migrate.history import Revision
    from dbtool.migrate.offline import Script
    from dbtool.migrate.record import Step
    from dbtool.migrate.revision import Created
    from dbtool.migrate.stamp import Ensured, Stamped
    from dbtool.migrate.upgrade import Plan, Upgraded

_SHOWN = 30
_UNCOUNTED = (
    "whether other statistics are to be refreshed is not known: a session of the run has not ended,"
    " which may not have counted its rows yet (later: dbtool doctor)"
)


def upgraded(result: "Upgraded", command: str) -> Report:
    """What an upgrade did; an ANALYZE that nobody asked for is left to the reader."""
    report = _ran(result, command, "upgrade", result.before, result.after, result.revisions)
    notes = tuple(
        f"{'analysed' if each.analysed else 'statistics to refresh:'} {each.table} ({each.reason})"
        for each in result.stale
    )
    notes += (_UNCOUNTED,) if result.uncounted else ()
    left = [each.table for each in result.stale if not each.analysed]
    following = (f"ANALYZE {', '.join(left)};",) if left else ()
    return replace(report, notes=(*report.notes, *notes), next=following)


def downgraded(result: "Downgraded", command: str) -> Report:
    """What a downgrade did."""
    return _ran(result, command, "downgrade", result.before, result.after, result.revisions)


def _ran(
    result: "Upgraded | Downgraded",
    command: str,
    verb: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
    steps: "tuple[Step, ...]",
) -> Report:
    if not steps:
        headline = f"{result.database} {at(after)}; nothing to {verb}"
        notes = (*named_by(result), *_waits(result.waited))
        return Report(command=command, data=result, headline=headline, notes=notes)
    took = sum(each.seconds or 0.0 for each in steps)
    headline = (
        f"{result.database} {verb}d from {ids(before)} to {ids(after)}:"
        f" {counted(len(steps), 'revision')} in {duration(took)}"
    )
    return Report(
        command=command,
        data=result,
        headline=headline,
        sections=_steps(steps),
        notes=(*named_by(result), *_waits(result.waited)),
    )


_WORTH_A_NOTE = 1.0


def _waits(waited: Waited) -> Iterator[str]:
    """What a run waited for, where it had to wait."""
    if waited.for_run:
        yield f"waited {duration(waited.for_run)} for another run"
    if waited.for_locks:
        attempts = counted(waited.attempts, "attempt")
        yield f"{attempts}; waited {duration(waited.for_locks)} for locks"
    if waited.held_up_others >= _WORTH_A_NOTE:
        yield f"others waited up to {duration(waited.held_up_others)} behind locks it held"


def _steps(steps: "tuple[Step, ...]") -> tuple[Section, ...]:
    several = len({each.version_table for each in steps}) > 1
    columns = [Column("revision"), Column("message", shrink=True)]
    columns += [Column("version table")] if several else []
    columns += [Column("seconds", align="right")] if steps[0].seconds is not None else []
    shown = steps
    title = ""
    if len(steps) > _SHOWN:
        slowest = sorted(steps, key=lambda each: each.seconds or 0.0, reverse=True)[:10]
        shown = tuple(each for each in steps if each in slowest)
        title = "the ten that took longest" if steps[0].seconds is not None else ""
        shown = shown if title else steps
    rows = tuple(tuple(_cells(each, several)) for each in shown)
    return (Table(tuple(columns), rows, title=title),)


def _cells(step: "Step", several: bool) -> Iterable[str]:
    yield step.revision
    yield step.message
    if several:
        yield step.version_table
    if step.seconds is not None:
        yield f"{step.seconds:,.2f}"


def plan(result: "Plan", command: str) -> Report:
    """What an upgrade or downgrade would do."""
    stands = f"{result.database} {at(result.before)}"
    happens = "would be undone" if command == "downgrade" else "would run"
    many = counted(len(result.revisions), "revision") if result.revisions else "nothing"
    headline = f"{stands}; {many} {happens}"
    return Report(
        command=command,
        data=result,
        headline=headline,
        sections=(*_steps(result.revisions), *_losses(result)) if result.revisions else (),
        notes=named_by(result),
    )


def _losses(result: "Plan") -> Iterator[Section]:
    """What a downgrade would lose, step by step."""
    roots = tuple(
        Node(each.revision, tuple(map(Node, each.lines))) for each in result.losses if each.lines
    )
    if roots:
        yield Tree(roots, title="losses")


def stamped(result: "Stamped", command: str) -> Report:
    """What the version table records now."""
    headline = (
        f"{result.database} records {ids(result.after, 'no revision')}"
        f" in {result.version_table}; before: {ids(result.before, 'no revision')}"
    )
    return Report(command=command, data=result, headline=headline, notes=named_by(result))


def ensured(result: "Ensured", command: str) -> Report:
    """Whether the version table had to be created."""
    said = "was created" if result.created else "exists"
    headline = f"{result.version_table} {said} in {result.database}"
    return Report(command=command, data=result, headline=headline, notes=named_by(result))


def script(result: "Script", command: str) -> Report:
    """Migrations as SQL, for the formats that are not plain text."""
    return Report(command=command, data=result, sections=(Code("sql", result.sql),))


def created(result: "Created", command: str) -> Report:
    """The files that were written."""
    if not result.revisions:
        return Report(
            command=command,
            data=result,
            headline="no file written: env.py's process_revision_directives left nothing to write",
        )
    return Report(
        command=command,
        data=result,
        headline="; ".join(_written(each) for each in result.revisions),
        notes=tuple(_about(result)),
    )


_UNSAID = ("", "empty message")
"""What stands in a file where nobody gave a message: the second are Alembic's own words."""


def _about(result: "Created") -> Iterator[str]:
    """What to know about a file before it runs."""
    if any(each.message in _UNSAID for each in result.revisions):
        yield "the file has no message, in its name or inside; -m MESSAGE would give it one"
    if result.imported:
        names = ", ".join(result.imported)
        yield f"import {names} was added; in script.py.mako it would stand in every revision"


def _written(revision: "Revision") -> str:
    return f"{revision.file} written, after {ids(revision.down_revisions)}"


def drift(result: "Drift", command: str) -> Report:
    """How models and database differ."""
    from dbtool.migrate.rules import drift as rule

    if result.pending:
        findings, unknowns = judged(result.standings, check_heads=True)
        pending = counted(len(result.pending), "revision")
        headline = f"{result.database} has {pending} pending, so it was not compared"
    else:
        findings, unknowns = judge((rule,), result)
        differ = f"differ in {counted(len(findings), 'place')}" if findings else "do not differ"
        headline = f"models and {result.database} {differ}"
    hint = _models_missing(result)
    return Report(
        command=command,
        data=result,
        headline=headline,
        findings=findings,
        unknowns=unknowns,
        notes=(*named_by(result), *([hint] if hint else [])),
        next=_end_of(result),
        judged=True,
    )


def behind(result: "Behind", command: str) -> Report:
    """What of a database its own revisions do not explain, before others run."""
    from dbtool.migrate.rules import changed_outside_revisions as rule

    findings, unknowns = judge((rule,), result)
    pending = f"{counted(len(result.pending), 'revision')} pending ({listed(result.pending, 3)})"
    differ = f"differs in {counted(len(findings), 'place')}" if findings else "is what they make"
    recorded = ", ".join(result.recorded) or "none"
    return Report(
        command=command,
        data=result,
        headline=f"{pending}; what {recorded} made {differ}",
        findings=findings,
        unknowns=unknowns,
        judged=True,
    )


def _end_of(result: "Drift") -> tuple[str, ...]:
    """Autogenerate ends a drift; where it would drop something, nobody should run it unread."""
    if not result.differences or any(each.drops for each in result.differences):
        return ()
    return ("dbtool revision --autogenerate -m MESSAGE",)


def _models_missing(result: "Drift") -> str:
    """Tables that exist in the database alone are most often models nobody imported."""
    extra = sum(each.kind == "extra-table" for each in result.differences)
    advice = (
        "did env.py import your models? It can import them, or the settings (dbtool config shows"
        ' which) can name them: models = ["package.module:Base"]'
    )
    if result.tables_in_models == 0 and not result.pending:
        return f"the models env.py compares have no tables at all: {advice}"
    if extra > result.tables_in_models:
        whose = "history" if result.named_by == "--history" else "database"
        return f"{counted(extra, 'table')} of the {whose} {_are(extra)} in no model: {advice}"
    return ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
