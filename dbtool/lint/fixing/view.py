"""The report of what was rewritten: how much, the difference, and what is left and why."""

from dataclasses import dataclass, replace

from dbtool.lint.fixing.mechanical import OPEN
from dbtool.lint.fixing.plan import Plan, Refused, still_there
from dbtool.lint.fixing.spoken import in_own_language
from dbtool.lint.linted import Linted
from dbtool.lint.view import report as lint_report
from dbtool.lint.view import verdict
from dbtool.report import Diff, Report, Section, Text, counted

_PARTED = (
    "a revision with several transactions that fails between two of them is half applied:"
    " dbtool upgrade goes on where it stopped, Alembic by itself begins anew"
)


@dataclass(frozen=True, slots=True)
class Fixing:
    """What was planned, whether it was written, and what is said of the files afterwards."""

    plan: Plan
    written: bool
    linted: Linted


def report(
    plan: Plan, linted: Linted, command: str, *, notes: tuple[str, ...], written: bool
) -> Report:
    """The files that changed, or would, and what is found in them then."""
    plan, linted = still_there(plan, linted), in_own_language(linted)
    said = lint_report(linted, command, notes=notes)
    parted = any("autocommit_block" in each.after for each in plan.changes)
    return replace(
        said,
        data=Fixing(plan, written, linted),
        headline=f"{linted.chosen}: {_done(plan, linted, written=written)}",
        sections=tuple(_sections(plan)),
        notes=(*said.notes, *((_PARTED,) if parted else ())),
    )


def _done(plan: Plan, linted: Linted, *, written: bool) -> str:
    left = verdict(linted.findings, linted.unknowns)
    if not plan.changes:
        return f"nothing to fix by itself; {left}"
    files = counted(len(plan.changes), "file")
    many = counted(len(plan.fixed), "finding")
    if not written:
        return f"{many} would be fixed in {files}; as it is: {left}"
    return f"{many} fixed in {files}; left: {left}"


def _sections(plan: Plan) -> list[Section]:
    shown: list[Section] = [Diff(each.diff) for each in plan.changes]
    told = [each for each in plan.refused if each.reason != OPEN]
    if told:
        lines = dict.fromkeys(f"{_place(each)}: {each.rule}\n    {each.reason}" for each in told)
        shown.append(Text("\n".join(lines), "Not fixed"))
    return shown


def _place(refused: Refused) -> str:
    place = refused.location
    return str(replace(place, name=None)) if place is not None else ""
