"""Write what the version table records, without running any revision."""

from dataclasses import dataclass
from functools import partial
from typing import cast

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from dbtool.guard import Action, Permission
from dbtool.migrate import state
from dbtool.migrate.command import Command
from dbtool.migrate.project import Project
from dbtool.migrate.record import Record
from dbtool.migrate.session import Session
from dbtool.migrate.several import Wish
from dbtool.migrate.upgrade import refuse_range, tagged
from dbtool.ports import Progress, Silent


@dataclass(frozen=True, slots=True)
class Stamped:
    """What the version table recorded, and records now."""

    database: str
    named_by: str
    version_table: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def stamp(
    project: Project,
    revisions: tuple[str, ...],
    *,
    purge: bool = False,
    permission: Permission | None = None,
    progress: Progress | None = None,
    tag: str | None = None,
) -> Stamped:
    """Record that the database is at these revisions; `purge` forgets all others first."""
    command = stamping(revisions, tag, purge)
    with Session(project, progress or Silent()) as session:
        allowed = permission or Permission()
        action = _action(revisions, purge=purge)
        record = session.carry_out(command, action, allowed, partial(_recorded, revisions))
        target, tables = session.target, ", ".join(each.shown for each in record.tables)
        return Stamped(target.shown, target.source, tables, record.before, record.after)


def wish(
    revisions: tuple[str, ...], tag: str | None, permission: Permission, *, purge: bool
) -> Wish:
    """A stamp as it is asked about in each of several databases."""
    command, action = stamping(revisions, tag, purge), _action(revisions, purge=purge)
    return Wish(command, action, permission, partial(_recorded, revisions))


def _action(revisions: tuple[str, ...], *, purge: bool) -> Action:
    return Action.FORGET if purge or "base" in revisions else Action.STAMP


def _recorded(revisions: tuple[str, ...], session: Session, record: Record) -> list[str]:
    before = f"{session.target.shown} records {state.shown(record.before)}"
    return [f"{before}; it would record {', '.join(revisions)}, and no revision would run"]


def stamping(revisions: tuple[str, ...], tag: str | None, purge: bool) -> Command:
    """Alembic's command for a stamp."""
    for revision in revisions:
        refuse_range(revision)

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> list[RevisionStep]:
        return cast("list[RevisionStep]", script._stamp_revs(revisions, heads))

    words = ("stamp", *tagged(tag), *(("--purge",) if purge else ()), "--", *revisions)
    options = {"destination_rev": revisions, "tag": tag}
    return Command(words, steps, options, always=True, purge=purge)


@dataclass(frozen=True, slots=True)
class Ensured:
    """The version table exists; whether it had to be created."""

    database: str
    named_by: str
    version_table: str
    created: bool


def _missing(session: Session, _: Record) -> list[str]:
    return [f"{session.target.shown} has no version table; it would be created"]


def ensure_version(
    project: Project, *, permission: Permission | None = None, progress: Progress | None = None
) -> Ensured:
    """Create the version table where it does not exist."""
    missing: list[bool] = []

    def look(_: ScriptDirectory, __: tuple[str, ...], context: MigrationContext) -> None:
        missing.append(not context._has_version_table())

    command = Command(("ensure_version",), lambda _, __: [], always=True)
    with Session(project, progress or Silent()) as session:
        record = session.look(command.words, look)
        if any(missing):
            allowed = permission or Permission()
            record = session.carry_out(command, Action.UPGRADE, allowed, _missing)
        tables = ", ".join(each.shown for each in record.tables)
        return Ensured(session.target.shown, session.target.source, tables, any(missing))
