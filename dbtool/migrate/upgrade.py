"""Apply pending revisions: plan, ask, run, check where the database stands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from dbtool.errors import UsageError
from dbtool.guard import Action, Permission
from dbtool.migrate.command import Command
from dbtool.migrate.project import Project
from dbtool.migrate.record import Record, Step
from dbtool.migrate.session import Session
from dbtool.migrate.several import Wish
from dbtool.migrate.stale import Stale
from dbtool.migrate.state import shown
from dbtool.migrate.waits import Waited
from dbtool.ports import Progress, Silent
from dbtool.report import counted

if TYPE_CHECKING:
    from dbtool.migrate.afterwards import Afterwards, Wanted
    from dbtool.migrate.losses import Undone


@dataclass(frozen=True, slots=True)
class Plan:
    """What an upgrade or downgrade would do, and what a downgrade would lose.

    `server` is the major version of the server.
    """

    database: str
    named_by: str
    before: tuple[str, ...]
    revisions: tuple[Step, ...]
    losses: "tuple[Undone, ...]" = ()
    server: int | None = None


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did; `before` and `after` are the revisions the database records.

    `stale` are the tables whose statistics became useless meanwhile, whoever changed their rows;
    `uncounted` where rows may be missing from that, since a session of the run has not ended.
    """

    database: str
    named_by: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[Step, ...]
    waited: Waited
    stale: tuple[Stale, ...] = ()
    uncounted: bool = False


@dataclass(frozen=True, slots=True)
class Informed(Permission):
    """A permission that is asked for below more than the plan: what the revisions would do."""

    about: Callable[[tuple[Step, ...], int], Iterable[str]] = field(default=lambda *_: ())


def upgrade(
    project: Project,
    revision: str = "head",
    *,
    permission: Permission | None = None,
    progress: Progress | None = None,
    tag: str | None = None,
    wanted: "Wanted | None" = None,
) -> Upgraded:
    """Bring the database to a revision; nothing is asked and nothing runs where none is pending.

    With `wanted` statistics and schema are looked after when it is done.
    """
    command, told = upgrading(revision, tag), progress or Silent()
    after = None if wanted is None else _after(wanted)
    with Session(project, told) as session:
        allowed = permission or Permission()
        command = replace(command, prelude=after)
        record = session.carry_out(command, Action.UPGRADE, allowed, _informing(allowed))
        done = _upgraded(session, record)
        if after is None:
            return done
        left = session.safety.vigil.reach.left
        rows = sum(each.rows or 0 for each in done.revisions)
        after.compare(session.connection, session.watch.backends, left, rows)
        target = session.target
    after.act(target, project.limits.lock_timeout, told)
    return replace(done, stale=after.stale, uncounted=after.uncounted)


def wish(revision: str, tag: str | None, permission: Permission) -> Wish:
    """An upgrade as it is asked about in each of several databases."""
    command = upgrading(revision, tag)
    return Wish(command, Action.UPGRADE, permission, _informing(permission))


def _informing(permission: Permission) -> Callable[[Session, Record], list[str]]:
    about = permission.about if isinstance(permission, Informed) else None

    def lines(session: Session, record: Record) -> list[str]:
        more = about(record.planned, _server(session)) if about else ()
        return [*plan_lines(session, record), *more]

    return lines


def _after(wanted: "Wanted") -> "Afterwards":
    from dbtool.migrate.afterwards import Afterwards

    return Afterwards(wanted)


def plan(
    project: Project,
    revision: str = "head",
    *,
    progress: Progress | None = None,
    tag: str | None = None,
) -> Plan:
    """What `upgrade` would do; no revision runs."""
    command = upgrading(revision, tag)
    with Session(project, progress or Silent(), reading=True) as session:
        return planned_by(session, session.survey(command))


def upgrading(revision: str, tag: str | None) -> Command:
    """Alembic's command for an upgrade."""
    refuse_range(revision)

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> list[RevisionStep]:
        return script._upgrade_revs(revision, heads)  # type: ignore[arg-type]

    options = {"destination_rev": revision, "tag": tag}
    return Command(("upgrade", *tagged(tag), "--", revision), steps, options)


def tagged(tag: str | None) -> tuple[str, ...]:
    """The words that give Alembic a tag."""
    return ("--tag", tag) if tag is not None else ()


def refuse_range(revision: str) -> None:
    """A range has a beginning, and a live database has its own."""
    if ":" in revision:
        raise UsageError(
            f'the range "{revision}" is for --sql only',
            detail="A database begins at the revision it records.",
            hint=f"Give its end alone: {revision.partition(':')[2] or 'head'}.",
        )


def planned_by(session: Session, record: Record) -> Plan:
    """The plan a survey found."""
    target = session.target
    shown, before = target.shown, record.before
    return Plan(shown, target.source, before, record.planned, server=_server(session))


def _server(session: Session) -> int:
    """The major version of the server."""
    return int(session.connection.connection.get_server_version().major)


def plan_lines(session: Session, record: Record, verb: str = "run") -> list[str]:
    """The plan as it stands above a question."""
    many = counted(len(record.planned), "revision")
    head = f"{session.target.shown} is at {shown(record.before)}; {many} to {verb}:"
    return [head, *(f"  {each.revision} {each.message}" for each in record.planned)]


def _upgraded(session: Session, record: Record) -> Upgraded:
    target = session.target
    return Upgraded(
        target.shown,
        target.source,
        record.before,
        record.after,
        session.tally.told(record.done),
        session.safety.waited,
    )
