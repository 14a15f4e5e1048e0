"""Report of heads that came apart, and what to do about them."""

from dbtool.finding import judge
from dbtool.migrate.heads import Heads
from dbtool.migrate.rules import several_heads
from dbtool.report import Report, counted

JOIN = ("dbtool revision --rebase REVISION", "dbtool merge heads -m MESSAGE")
"""What brings heads together: one that is not deployed behind the other, or both joined."""


def heads(found: Heads, command: str) -> Report:
    """How many heads there are, and whether that is meant."""
    findings, _ = judge((several_heads,), found)
    names = ", ".join(each.revision for each in found.heads)
    kept = ", kept apart on purpose" if found.meant and len(found.heads) > 1 else ""
    said = f"{counted(len(found.heads), 'head')}: {names}{kept}" if found.heads else "no revisions"
    return Report(
        command=command,
        data=found,
        headline=said,
        findings=findings,
        next=JOIN if findings else (),
        judged=True,
    )
