"""Reports of what the model rules found, and of what a release would miss."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.finding import Finding
from dbtool.report import Report, counted
from dbtool.severity import Severity

if TYPE_CHECKING:
    from dbtool.metadata import Models
    from dbtool.migrate.released import Released


@dataclass(frozen=True, slots=True)
class JudgedModels:
    """The models that were judged, and how many rules were asked."""

    models: tuple[str, ...]
    tables: int
    classes: int
    rules: int


def models(found: tuple[Finding, ...], judged: "Models", rules: int, command: str) -> Report:
    """What is wrong in the models, worst first."""
    specs = tuple(each.spec for each in judged.sources)
    names = tuple(dict.fromkeys(each.rule for each in found))
    tables, classes = len(judged.tables), len(judged.mappers)
    data = JudgedModels(specs, tables, classes, rules)
    asked = f"{counted(tables, 'table')} judged by {counted(rules, 'rule')}"
    return Report(
        command=command,
        data=data,
        headline=f"{', '.join(specs)}: {_said(found)}",
        findings=found,
        notes=(f"{asked}; no database was asked",),
        next=tuple(f"dbtool rules {name}" for name in names[:1]),
        judged=True,
    )


def _said(found: tuple[Finding, ...]) -> str:
    numbers = [
        (sum(each.severity is severity for each in found), severity.word)
        for severity in sorted(Severity, reverse=True)
    ]
    parts = [counted(number, word) for number, word in numbers if number]
    return ", ".join(parts) or "nothing found"


def released(found: "Released", command: str) -> Report:
    """What the code of a release would miss, worst first."""
    said = _said(found.findings)
    pending = counted(len(found.revisions), "revision")
    headline = f"{pending} that {found.release} does not have: {said}"
    if not found.revisions:
        headline = f"{found.release} has every revision"
    names = tuple(dict.fromkeys(each.rule for each in found.findings))
    tables = counted(found.tables, "table")
    notes = (f"judged for the {tables} of {found.release} ({found.commit[:12]})",)
    return Report(
        command=command,
        data=found,
        headline=headline,
        findings=found.findings,
        unknowns=found.unknowns,
        notes=notes if found.revisions else (),
        next=tuple(f"dbtool rules {name}" for name in names[:1]),
        judged=True,
    )
