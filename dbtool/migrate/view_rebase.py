"""Report of a revision that was put behind another."""

from dbtool.migrate.rebase import Rebased
from dbtool.report import Diff, Report, listed


def rebased(result: Rebased, command: str) -> Report:
    """What changes in which file."""
    verb = "comes" if result.written else "would come"
    before = ", ".join(result.before) or "nothing"
    said = f"{result.file}: {result.revision} {verb} behind {result.onto}, before: {before}"
    others = [each for each in result.moved if each != result.revision]
    notes = [f"{listed(others)} moves with it"] if len(others) == 1 else []
    notes += [f"{listed(others)} move with it"] if len(others) > 1 else []
    notes += [f"nobody could tell {each}" for each in result.unproven]
    return Report(
        command=command,
        data=result,
        headline=said,
        sections=(Diff(result.diff),),
        notes=tuple(notes),
        next=("dbtool heads", f"dbtool check --roundtrip {result.revision}:")
        if result.written
        else (),
    )
