"""The schema that a change starts from: the history replayed in a throwaway server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, Interrupted, OperationError
from dbtool.guard import Action, Consent, Permission
from dbtool.migrate.advice import lacks_extension
from dbtool.migrate.diff.catalogs import Change, changes
from dbtool.migrate.diff.run import read_now
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.migrate.standing import Standing, standing_of
from dbtool.migrate.upgrade import upgrading
from dbtool.observe import baseline
from dbtool.ports import Progress, Silent
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.ended import Ended
from dbtool.scratch.server import Server, throwaway

NAME = "history"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
_OF_ENV = "env.py failed"


@dataclass(frozen=True, slots=True)
class Live:
    """A database somebody named: what it holds, and where it stands."""

    target: Target
    catalog: Catalog
    version_table: str


@dataclass(frozen=True, slots=True)
class Base:
    """A server of our own that holds the schema, and the project pointed at it.

    `replayed` is false where it is a copy of the schema of a database, whose history does not
    build from empty.
    """

    server: Server
    project: Project
    replayed: bool = True
    live: Live | None = None

    def copy(self, name: str) -> Project:
        """The project pointed at a copy."""
        with SyncConnection(self.server.target()) as connection:
            connection.execute(_END, NAME)
        target = self.server.create_database(name, NAME)
        assert self.project.target is not None
        return replace(self.project, target=replace(target, source=self.project.target.source))

    def drift(self) -> tuple[Change, ...]:
        """What of the database named no revision explains."""
        if self.live is None or not self.replayed:
            return ()
        assert self.project.target is not None
        with SyncConnection(self.project.target) as connection:
            ours = connection.run(catalog.read)
        return changes(ours, self.live.catalog)


def look_at(project: Project, progress: Progress, words: tuple[str, ...]) -> Live:
    """Read a database that was named, which has to be up to date."""
    standings: list[Standing] = []
    with Session(project, progress, reading=True) as session:

        def note(script: ScriptDirectory, at: tuple[str, ...], _: MigrationContext) -> None:
            standings.append(standing_of("", script, at))

        record = session.look(words, note)
        pending = [each for standing in standings for each in standing.pending]
        if pending:
            raise _behind(session.target.shown, pending)
        found = read_now(session.connection).catalog
        return Live(session.target, found, record.tables[0].name)


@contextmanager
def base(project: Project, progress: Progress, live: Live | None) -> Iterator[Base]:
    """Replay the history; where it does not build from empty, copy the schema of `live`."""
    major = _major(live)
    with throwaway(major) as server:
        target = replace(server.create_database(NAME), source="--autogenerate")
        scratch = replace(project, target=target, scratch=True)
        progress.step("running the revisions in a throwaway PostgreSQL")
        try:
            with server.watched():
                replay(scratch)
        except (Interrupted, Ended):
            raise
        except DbtoolError as error:
            if live is None:
                raise _unbuildable(error) from error
            progress.note(
                f"{_headline(error)}; the schema of {live.target.shown} is copied instead"
            )
            server.drop_database(NAME)
            server.create_database(NAME)
            baseline.load(target, baseline.dump(live.target, live.version_table))
            yield Base(server, scratch, replayed=False, live=live)
        else:
            yield Base(server, scratch, live=live)


class _Replay(Session):
    """A revision's check of itself asks about rows, and there are none here."""

    verifies = logs = False


def replay(scratch: Project) -> None:
    """Run every revision that a scratch database does not have."""
    allowed = Permission(Consent(yes=True, confirm_database=NAME))
    with quiet_alembic(), _Replay(scratch, Silent()) as session:
        session.carry_out(upgrading("heads", None), Action.UPGRADE, allowed, lambda *_: ())


def _major(live: Live | None) -> int | None:
    """That of the database named, if there are programs of it."""
    if live is None:
        return None
    major = live.catalog.version_number // 10000
    try:
        return find_binaries(major).major
    except DbtoolError:
        return None


def _behind(database: str, pending: list[str]) -> OperationError:
    ids = ", ".join(pending[:5]) + (f" and {len(pending) - 5} more" if len(pending) > 5 else "")
    return OperationError(
        f"{database} is not up to date, so it cannot be compared",
        detail=f"Pending: {ids}.",
        hint="Run dbtool upgrade first; or leave the database out: the history is compared then.",
    )


def _unbuildable(error: DbtoolError) -> DbtoolError:
    """The history cannot be replayed, and nobody named a database to start from."""
    if not isinstance(error, OperationError) or "another database" in error.message:
        return error
    lines = (each for each in error.detail.splitlines() if f"/{NAME} stands at" not in each)
    if error.message == _OF_ENV:
        return OperationError(error.message, detail="\n".join(lines), hint=error.hint)
    return OperationError(
        _headline(error),
        detail="\n".join(lines),
        hint=f"{error.hint if lacks_extension(error.message) else 'Mend it.'} Or name a database"
        " that stands at the head: --against URL; its schema is compared then.",
    )


def _headline(error: DbtoolError) -> str:
    """What env.py does itself is no fault of the history."""
    if error.message.startswith(_OF_ENV):
        return error.message
    return f"the history does not build from an empty database: {error.message}"
