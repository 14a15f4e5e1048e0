"""Undo revisions: plan, ask, run, check where the database stands."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from dbtool.errors import UsageError
from dbtool.guard import Action, Permission
from dbtool.migrate.command import Command
from dbtool.migrate.foresight import Foresight
from dbtool.migrate.losses import Undone
from dbtool.migrate.project import Project
from dbtool.migrate.record import Record, Step
from dbtool.migrate.session import Session
from dbtool.migrate.several import Wish
from dbtool.migrate.upgrade import Plan, plan_lines, planned_by, refuse_range, tagged
from dbtool.migrate.waits import Waited
from dbtool.ports import Progress, Silent
from dbtool.report import listed


@dataclass(frozen=True, slots=True)
class Downgraded:
    """What a downgrade did; `before` and `after` are the revisions the database records.

    `losses` is what was said of each revision before it ran.
    """

    database: str
    named_by: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[Step, ...]
    waited: Waited
    losses: tuple[Undone, ...]


def downgrade(
    project: Project,
    revision: str,
    *,
    permission: Permission | None = None,
    progress: Progress | None = None,
    tag: str | None = None,
) -> Downgraded:
    """Take the database back to a revision; what it loses is held to what was agreed to."""
    foresight, told = Foresight(project.losing), progress or Silent()
    command = replace(downgrading(revision, tag, told), prelude=foresight, hearing=foresight)
    with Session(project, told) as session:
        allowed = permission or Permission()
        lines = partial(_lines, foresight)
        record = session.carry_out(command, Action.DOWNGRADE, allowed, lines)
        return _downgraded(session, record, foresight)


def wish(revision: str, tag: str | None, permission: Permission, progress: Progress) -> Wish:
    """A downgrade as it is asked about in each of several databases."""
    foresight = Foresight()
    command = replace(downgrading(revision, tag, progress), prelude=foresight, hearing=foresight)
    lines = partial(_lines, foresight)
    return Wish(command, Action.DOWNGRADE, permission, lines, lambda: foresight.agreed)


def _lines(foresight: Foresight, session: Session, record: Record) -> Iterator[str]:
    """The plan above the question: what each step would lose stands below it.

    Where nobody is asked nobody takes a line, and the losses are not told here.
    """
    foresight.offer()
    head, *steps = plan_lines(session, record, verb="undo")
    yield head
    for line, step in zip(steps, record.planned, strict=True):
        yield line
        undone = foresight.of(step.revision, step.version_table)
        yield from (f"    {each}" for each in (undone.lines if undone else ()))


def plan(
    project: Project, revision: str, *, progress: Progress | None = None, tag: str | None = None
) -> Plan:
    """What `downgrade` would undo and lose; no revision runs."""
    foresight, told = Foresight(), progress or Silent()
    command = replace(downgrading(revision, tag, told), prelude=foresight)
    with Session(project, told, reading=True) as session:
        planned = planned_by(session, session.survey(command))
        return replace(planned, losses=foresight.found)


def downgrading(revision: str, tag: str | None, progress: Progress) -> Command:
    """Alembic's command for a downgrade."""
    refuse_range(revision)
    choice: list[str] = []

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> list[RevisionStep]:
        if revision.startswith("-") and len(set(heads)) > 1 and not choice:
            choice.append(heads[0])
            progress.note(_choice(revision, heads))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"downgrade -1 from multiple heads")
            try:
                return script._downgrade_revs(revision, heads)  # type: ignore[arg-type]
            except AssertionError as error:
                raise _undecided(revision, heads) from error

    options = {"destination_rev": revision, "tag": tag}
    return Command(("downgrade", *tagged(tag), "--", revision), steps, options)


def _undecided(revision: str, heads: tuple[str, ...]) -> UsageError:
    """Alembic asserts that a branch has one recorded revision."""
    steps = revision.rpartition("@")[2]
    return UsageError(
        f'"{revision}" does not say from which of the recorded revisions',
        detail="More than one of them, or none, is on that branch.",
        hint=f"Give one of {listed([f'{each}@{steps}' for each in sorted(heads)])}.",
    )


def _choice(revision: str, heads: tuple[str, ...]) -> str:
    """Alembic goes back from the revision it happens to read first."""
    others = listed([f"{each}@{revision}" for each in sorted(heads)])
    return (
        f"{revision} does not say from which of {len(heads)} recorded revisions:"
        f" it is {heads[0]}, which comes first; to choose, give one of {others}"
    )


def _downgraded(session: Session, record: Record, foresight: Foresight) -> Downgraded:
    target = session.target
    return Downgraded(
        target.shown,
        target.source,
        record.before,
        record.after,
        session.tally.told(record.done),
        session.safety.waited,
        foresight.found,
    )
