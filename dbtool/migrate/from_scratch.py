"""Migrations as SQL where they cannot be rendered: run them in a throwaway server and record."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.errors import DbtoolError
from dbtool.guard import Action, Consent, Permission
from dbtool.migrate.capture import Capture, Comment, Entry, Seen
from dbtool.migrate.command import Command
from dbtool.migrate.downgrade import downgrading
from dbtool.migrate.offline import Script
from dbtool.migrate.project import Project
from dbtool.migrate.proof import prove
from dbtool.migrate.ranges import split_range
from dbtool.migrate.record import Record, Step
from dbtool.migrate.session import Session
from dbtool.migrate.upgrade import upgrading
from dbtool.ports import Progress
from dbtool.report import counted, listed
from dbtool.scratch.server import Server, throwaway

_RUN, _PROOF = "migrated", "proof"
_VOLATILE = "SELECT DISTINCT proname FROM pg_proc WHERE proname = ANY($1) AND provolatile = 'v'"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
_SYSTEM = ("pg_catalog.", "information_schema.", "pg_")


@dataclass(frozen=True, slots=True)
class Captured(Script):
    """Migrations as SQL that was really run; `depends_on_rows` names what the runs read from.

    A scratch database holds no rows but those the history writes: what a revision would do for
    others is not in the script. `unproven` says why running the script was not tried.
    """

    major: int = 0
    revisions: tuple[Step, ...] = ()
    depends_on_rows: tuple[str, ...] = ()
    unproven: str = ""


def upgrade_sql(
    project: Project, revision: str, progress: Progress, tag: str | None = None
) -> Captured:
    """The SQL of an upgrade from the base, or of a range `from:to`."""
    start, end = split_range(revision)
    return _capture(project, start or "base", upgrading(end, tag), Action.UPGRADE, progress)


def downgrade_sql(
    project: Project, revision: str, progress: Progress, tag: str | None = None
) -> Captured:
    """The SQL of a downgrade over a range `from:to`."""
    start, end = split_range(revision, needed=True)
    return _capture(project, start, downgrading(end, tag, progress), Action.DOWNGRADE, progress)


class _Recorded(Session):
    """A session on a scratch database that says into the script what begins.

    A revision's check of itself asks about rows, and there are none here.
    """

    verifies = logs = False
    capture: Capture
    verb = "upgrade"

    def _starting(self, step: Step, driver: DBAPIConnection) -> None:
        self.capture.comment(f"Running {self.verb} {step.revision} {step.message}")
        super()._starting(step, driver)


@dataclass(slots=True)
class _Run:
    """What one recorded run left behind."""

    record: Record = field(default_factory=Record)
    capture: Capture = field(default_factory=Capture)


def _capture(
    project: Project, start: str, command: Command, action: Action, progress: Progress
) -> Captured:
    with _server(progress) as server:
        target = replace(server.create_database(_RUN), source="--from-scratch")
        scratch = replace(project, target=target, scratch=True)
        if start != "base":
            progress.step(f"running the revisions up to {start}, where the SQL begins")
            _run(scratch, upgrading(start, None), Action.UPGRADE, progress)
        _copy(server)
        progress.step("recording the revisions asked for")
        run = _run(scratch, command, action, progress)
        with SyncConnection(target) as connection:
            entries = _effective(connection, run.capture.entries)
        rows = _rows_read(run)
        statements = [each for each in entries if isinstance(each, str)]
        progress.step(f"proving {counted(len(statements), 'statement')} on a second database")
        unproven = prove(server, (_RUN, _PROOF), statements, run.record)
    for note in filter(None, (_about_rows(rows), unproven and f"not proven: {unproven}")):
        progress.note(note)
    text = _text(server.binaries.major, entries, rows)
    return Captured(
        text,
        major=server.binaries.major,
        revisions=run.record.done,
        depends_on_rows=rows,
        unproven=unproven,
    )


@contextmanager
def _server(progress: Progress) -> Iterator[Server]:
    progress.step("starting a throwaway PostgreSQL")
    with throwaway() as server:
        yield server


def _run(project: Project, command: Command, action: Action, progress: Progress) -> _Run:
    allowed = Permission(Consent(yes=True, confirm_database=_RUN))
    run = _Run()
    try:
        with run.capture, _Recorded(project, progress) as session:
            session.capture, session.verb = run.capture, command.words[0]
            session.watch.sets_aside = False  # a script is for one database
            run.record = session.carry_out(command, action, allowed, lambda _, __: ())
    except DbtoolError as error:
        without_the_server(error, _RUN)
        raise
    return run


def without_the_server(error: DbtoolError, database: str) -> None:
    """Nobody can look where a throwaway database stands, nor put anything into it."""
    lines = (each for each in error.detail.splitlines() if f"/{database} stands at" not in each)
    error.detail = "\n".join(lines)
    if "does not build from an empty database" in error.hint:
        error.hint = "This history does not build from an empty database, and a throwaway one is."


def _copy(server: Server) -> None:
    """Keep the database as it is before the recorded run."""
    with SyncConnection(server.target()) as connection:
        connection.execute(_END, _RUN)
    server.create_database(_PROOF, _RUN)


def _effective(connection: SyncConnection, entries: Iterable[Entry]) -> list[str | Comment]:
    """Leave out what only read; what it called may have written."""
    seen = [each for each in entries if isinstance(each, Seen)]
    called = {name.rpartition(".")[2] for each in seen for name in each.functions}
    writing = {row[0] for row in connection.fetch(_VOLATILE, list(called))}
    kept: list[str | Comment] = []
    for each in entries:
        if not isinstance(each, Seen):
            kept.append(each)
        elif any(name.rpartition(".")[2] in writing for name in each.functions):
            kept.append(each.sql)
    return kept


def _rows_read(run: _Run) -> tuple[str, ...]:
    """The tables of the project that were read from; their rows may decide what is done."""
    versions = {table.name for table in run.record.tables}
    named = (name for each in run.capture.reads for name in each.relations)
    own = (name for name in named if not name.startswith(_SYSTEM))
    return tuple(dict.fromkeys(name for name in own if name.rpartition(".")[2] not in versions))


def _about_rows(rows: tuple[str, ...]) -> str:
    if not rows:
        return ""
    return (
        f"the run read from {listed(rows)}: what it would do for rows that the history itself"
        " does not write is missing"
    )


def _text(major: int, entries: Iterable[str | Comment], rows: tuple[str, ...]) -> str:
    head = [f"recorded by dbtool from a run on a throwaway PostgreSQL {major}", _about_rows(rows)]
    lines = (f"{_line(each)}\n\n" for each in entries)
    return "".join(f"-- {each}\n" for each in head if each) + "\n" + "".join(lines)


def _line(entry: str | Comment) -> str:
    if isinstance(entry, Comment):
        return f"-- {entry.text}"
    return f"{entry}\n;" if "--" in entry.rpartition("\n")[2] else f"{entry};"
