"""Undo revisions: plan, ask, run, check where the database stands."""

from dataclasses import dataclass
from functools import partial

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from dbtool.guard import Action, Permission
from dbtool.migrate.project import Project
from dbtool.migrate.record import Record, Step
from dbtool.migrate.session import Command, Session
from dbtool.migrate.upgrade import Plan, plan_lines, planned_by, refuse_range, tagged
from dbtool.migrate.waits import Waited
from dbtool.ports import Progress, Silent


@dataclass(frozen=True, slots=True)
class Downgraded:
    """What a downgrade did; `before` and `after` are the revisions the database records."""

    database: str
    named_by: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[Step, ...]
    waited: Waited


def downgrade(
    project: Project,
    revision: str,
    *,
    permission: Permission | None = None,
    progress: Progress | None = None,
    tag: str | None = None,
) -> Downgraded:
    """Take the database back to a revision."""
    command = downgrading(revision, tag)
    with Session(project, progress or Silent()) as session:
        allowed, lines = permission or Permission(), partial(plan_lines, verb="undo")
        record = session.carry_out(command, Action.DOWNGRADE, allowed, lines)
        return _downgraded(session, record)


def plan(
    project: Project, revision: str, *, progress: Progress | None = None, tag: str | None = None
) -> Plan:
    """What `downgrade` would undo; no revision runs."""
    command = downgrading(revision, tag)
    with Session(project, progress or Silent(), reading=True) as session:
        return planned_by(session, session.survey(command))


def downgrading(revision: str, tag: str | None) -> Command:
    """Alembic's command for a downgrade."""
    refuse_range(revision)

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> list[RevisionStep]:
        return script._downgrade_revs(revision, heads)  # type: ignore[arg-type]

    options = {"destination_rev": revision, "tag": tag}
    return Command(("downgrade", *tagged(tag), "--", revision), steps, options)


def _downgraded(session: Session, record: Record) -> Downgraded:
    target = session.target
    return Downgraded(
        target.shown,
        target.source,
        record.before,
        record.after,
        record.done,
        session.safety.waited,
    )
