"""Run a command once for each database of a project that has several, as one report."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.errors import DbtoolError, Interrupted

if TYPE_CHECKING:
    from dbtool.guard import Permission
    from dbtool.migrate.project import Project
    from dbtool.migrate.several import Wish
    from dbtool.ports import Progress
    from dbtool.report import Report, Text

T = TypeVar("T")
One = Callable[["Project", "Progress"], "Report"]
Change = Callable[["Project", "Progress", "Permission"], "Report"]


def are_in(project: "Project") -> bool:
    """Whether a project has several databases."""
    from dbtool.migrate.several import parts

    return bool(parts(project))


def each(call: Call, project: "Project", one: One) -> "Report":
    """What a command finds in every database; where one fails the others are told beside it."""
    from dbtool.migrate.several import Named, naming, parts

    several = parts(project)
    if not several:
        with output.reserved():
            return one(project, call.progress)
    reports, failed = [], []
    for name, part in several:
        try:
            with naming(name), output.reserved():
                reports.append((name, one(part, Named(call.progress, name))))
        except Interrupted:
            raise
        except DbtoolError as error:
            failed.append(error)
    if not reports:
        raise _all_of(failed)
    return replace(joined(call.command, reports), error=_all_of(failed) if failed else None)


def _all_of(failed: list[DbtoolError]) -> DbtoolError:
    """The first error, which also tells of the others."""
    first, *others = failed
    told = (f"{each.message}. {each.detail}".rstrip() for each in others)
    first.detail = "\n".join(filter(None, (first.detail, *told)))
    return first


def together(call: Call, project: "Project", one: One) -> "Report":
    """What is found in every database as a part of something larger; the first error ends it."""
    from dbtool.migrate.several import Named, naming, parts

    reports = []
    for name, part in parts(project):
        with naming(name):
            reports.append((name, one(part, Named(call.progress, name))))
    if not reports:
        return one(project, call.progress)
    report = joined(call.command, reports)
    said = "; ".join(f"{name}: {found.headline}" for name, found in reports)
    return replace(report, headline=said)


def change(
    call: Call,
    project: "Project",
    permission: "Permission",
    wishing: "Callable[[Project], Wish]",
    one: Change,
    revision: str = "",
) -> "Report":
    """What a command changes in every database, once all of it is agreed to.

    They are changed one after the other; where one fails the error says where all of them are.
    """
    from dbtool.migrate.several import Ledger, Named, agree, parts

    several = parts(project)
    with output.reserved():
        if not several:
            return one(project, call.progress, permission)
        agreed = agree(several, lambda part: wishing(part.project), call.progress)
        ledger = Ledger({each.name: each.stood for each in agreed}, revision)
        reports = []
        for name, part, _, granted in agreed:
            try:
                report = one(part, Named(call.progress, name), granted)
            except DbtoolError as error:
                raise ledger.ended(name, error) from error
            except KeyboardInterrupt as error:
                raise ledger.ended(name, Interrupted("interrupted")) from error
            ledger.done[name], ledger.found[name] = report.headline, report.data
            reports.append((name, report))
    return joined(call.command, reports)


def joined(command: str, reports: "list[tuple[str, Report]]") -> "Report":
    """One report of several databases, each below its name."""
    from dbtool.migrate.several import Database, Databases
    from dbtool.report import Report, counted

    data = Databases(tuple(Database(name, report.data) for name, report in reports))
    told = [report for _, report in reports]
    sections = (
        part for name, report in reports for part in (_heading(name, report), *report.sections)
    )
    return Report(
        command=command,
        data=data,
        headline=counted(len(reports), "database"),
        sections=tuple(sections),
        findings=tuple(
            replace(found, title=f"{name}: {found.title}")
            for name, report in reports
            for found in report.findings
        ),
        unknowns=_once(found for report in told for found in report.unknowns),
        notes=_once(f"{name}: {note}" for name, report in reports for note in _notes(report)),
        next=_once(step for report in told for step in report.next),
        judged=any(report.judged for report in told),
        below=tuple(part for report in told for part in report.below),
    )


def _heading(name: str, report: "Report") -> "Text":
    from dbtool.report import Text

    return Text(report.headline, title=name) if report.headline else Text(name)


def _notes(report: "Report") -> Iterable[str]:
    """All but the one that --url goes first: here it cannot, since it names one."""
    return (note for note in report.notes if not note.startswith("env.py named the database"))


def _once(found: "Iterable[T]") -> "tuple[T, ...]":
    return tuple(dict.fromkeys(found))
