"""Put the branch of one head behind the other, while nobody has deployed it."""

import os
from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import OperationError, UsageError
from dbtool.migrate.current import current
from dbtool.migrate.heads import Head, Heads, heads_of
from dbtool.migrate.history import History, Revision, history
from dbtool.migrate.parent import follows
from dbtool.migrate.project import Project
from dbtool.migrate.unmerged import Unmerged, unmerged
from dbtool.ports import Progress
from dbtool.report import listed

_MERGE = "dbtool merge heads joins them where both may be deployed."


@dataclass(frozen=True, slots=True)
class Rebased:
    """The revision whose parent is another now, and all that move with it, the newest first.

    `onto` is what it comes behind; `unproven` says what nobody could tell of where it is.
    """

    revision: str
    file: str
    before: tuple[str, ...]
    onto: str
    moved: tuple[str, ...]
    diff: str
    written: bool
    unproven: tuple[str, ...] = ()


def rebase(
    project: Project, name: str | None, onto: str | None, progress: Progress, *, dry_run: bool
) -> Rebased:
    """Change one file; refuses what is on the main branch, or applied on the database named."""
    base = project.place.base
    whole = history(project)
    found = heads_of(whole, base)
    if len(found.heads) < 2:
        raise UsageError(
            "there is one head, and nothing to put behind another", hint="See dbtool heads."
        )
    new = _new(whole, base)
    head = _chosen(found, name, new)
    target = _target(found, head, onto)
    unproven = tuple(_refuse_deployed(project, head, new, progress))
    bottom = _bottom(whole, head)
    edit = follows(base / bottom.file, target)
    if not dry_run:
        edit.write()
    return Rebased(
        revision=bottom.revision,
        file=bottom.file,
        before=bottom.down_revisions,
        onto=target,
        moved=head.own,
        diff=edit.diff(bottom.file),
        written=not dry_run,
        unproven=unproven,
    )


def _new(whole: History, base: Path) -> Unmerged | str:
    files = {os.path.realpath(base / each.file): each.revision for each in whole.revisions}
    return unmerged(files, sorted({str(Path(each).parent) for each in files}))


def _chosen(found: Heads, name: str | None, new: Unmerged | str) -> Head:
    """The head somebody named a revision of, else the one that the main branch lacks."""
    if name is not None:
        fitting = [e for e in found.heads if any(one.startswith(name) for one in e.own)]
        if len(fitting) == 1:
            return fitting[0]
        raise UsageError(
            f'"{name}" is not a revision of one head alone',
            detail=_listed(found),
            hint="Name one of the heads, or a revision that only it leads to.",
        )
    if isinstance(new, Unmerged):
        ours = [each for each in found.heads if set(each.own) <= new.revisions]
        if len(ours) == 1:
            return ours[0]
    raise UsageError(
        "which head is to be put behind the other is not known",
        detail=_listed(found),
        hint="Name the one that is not deployed: dbtool revision --rebase REVISION.",
    )


def _target(found: Heads, head: Head, onto: str | None) -> str:
    others = [each.revision for each in found.heads if each is not head]
    if onto is not None:
        others = [each for each in others if each.startswith(onto)]
    if len(others) == 1:
        return others[0]
    raise UsageError(
        "behind which head it is to come is not known",
        detail=_listed(found),
        hint="Name that one with --head.",
    )


def _refuse_deployed(
    project: Project, head: Head, new: Unmerged | str, progress: Progress
) -> list[str]:
    """Refuse what others may have run; what nobody could tell is returned."""
    unproven = []
    if isinstance(new, str):
        unproven.append(f"whether the main branch has it: {new}")
    elif merged := [each for each in head.own if each not in new.revisions]:
        raise OperationError(
            f"{listed(merged)} is on {new.branch} already",
            detail="Others may have run it where it stands; nothing was changed.",
            hint=f"Put the other head behind it, if that is new. {_MERGE}",
        )
    if project.target is None:
        unproven.append("whether a database has run it: none is named")
        return unproven
    at = current(project, progress)
    for each in at.standings:
        if applied := [one for one in head.own if one not in each.pending]:
            raise OperationError(
                f"{listed(applied)} is applied on {at.database}",
                detail="It would count as run where it is not; nothing was changed.",
                hint=f"dbtool downgrade takes it back there first. {_MERGE}",
            )
    return unproven


def _bottom(whole: History, head: Head) -> Revision:
    """The oldest revision of the branch, which alone changes."""
    named = {each.revision: each for each in whole.revisions}
    lowest = [each for each in head.own if not set(named[each].down_revisions) & set(head.own)]
    if len(lowest) == 1 and len(named[lowest[0]].down_revisions) < 2:
        return named[lowest[0]]
    raise OperationError(
        f"the branch of {head.revision} has more than one beginning",
        detail=f"{listed(lowest)}: each would have to move.",
        hint=_MERGE,
    )


def _listed(found: Heads) -> str:
    return "\n".join(
        f"{each.revision} {each.message}" + (f" ({each.commit.shown})" if each.commit else "")
        for each in found.heads
    )
