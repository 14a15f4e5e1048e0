"""What a person wants to know before a deploy: where a database is, and what an upgrade meets."""

import asyncio
from contextlib import chdir
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtool.database.connect import connect
from dbtool.database.target import Target, pooled
from dbtool.migrate import shortcut, surroundings
from dbtool.migrate.headers import created
from dbtool.migrate.journal import Journal
from dbtool.migrate.location import relative_name
from dbtool.migrate.project import Project
from dbtool.migrate.standing import Standing, standing_of
from dbtool.migrate.surroundings import Surroundings
from dbtool.ports import Progress, Silent

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from dbtool.database.connection import Connection
    from dbtool.migrate.lineage import Lineage

_CHANGES_HANDS = "the server process it names at login is not the one that answers"


@dataclass(frozen=True, slots=True)
class Pending:
    """A revision that an upgrade to the heads would run."""

    revision: str
    message: str
    created: str | None
    file: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database is, and what an upgrade of it would meet.

    `pooler` says what shows a pooler before the server, and is empty where nothing does.
    """

    database: str
    named_by: str
    pooler: str
    standings: tuple[Standing, ...]
    pending: tuple[Pending, ...]
    surroundings: Surroundings

    @property
    def recorded(self) -> tuple[str, ...]:
        """Every revision that some version table records."""
        return tuple(dict.fromkeys(rev for each in self.standings for rev in each.recorded))

    @property
    def half_applied(self) -> tuple[Journal, ...]:
        """Revisions that ended in the middle; a note on one that is recorded is out of date.

        Where a recorded revision has no file nobody knows what is pending, so none is left out.
        """
        pending = {each.revision for each in self.pending}
        if any(each.unknown for each in self.standings):
            pending = {each.revision for each in self.surroundings.notes} - set(self.recorded)
        return tuple(
            each
            for each in self.surroundings.notes
            if each.revision in (self.recorded if each.down else pending)
        )

    @property
    def ahead(self) -> tuple[str, ...]:
        """The heads to which an upgrade would lead."""
        return tuple(dict.fromkeys(rev for each in self.standings for rev in each.ahead))


def status(project: Project, progress: Progress | None = None) -> Status:
    """Look; env.py runs only where its source does not say where the versions are."""
    found = shortcut.position(project, progress or Silent())
    return _asked(project, progress or Silent()) if found is None else _found(project, found)


def _found(project: Project, found: shortcut.Position) -> Status:
    versions, line = found.versions, found.lineage
    standing = Standing(versions.table, versions.recorded, line.heads, found.pending)
    with chdir(project.place.base):
        pending = tuple(_of_header(line, each) for each in found.pending)
    around = asyncio.run(_look(found.target, (versions.table,)))
    pooler = _pooler(found.target, versions.pooled)
    target = found.target
    return Status(target.shown, target.source, pooler, (standing,), pending, around)


def _of_header(line: "Lineage", revision: str) -> Pending:
    header = line.headers[revision]
    return Pending(revision, header.message, created(header.doc), relative_name(header.path))


def _pooler(target: Target, changes_hands: bool) -> str:
    return pooled(target) or (_CHANGES_HANDS if changes_hands else "")


async def _look(target: Target, tables: tuple[str, ...]) -> Surroundings:
    connection = await connect(target, read_only=True, application_name="dbtool migrations")
    try:
        async with connection.limits():
            return await surroundings.look(connection, tables)
    finally:
        await connection.close(timeout=2.0)


def _asked(project: Project, progress: Progress) -> Status:
    """The same where env.py has to be asked; there may be several version tables then."""
    from dbtool.migrate.session import Session

    standings: list[Standing] = []
    pending: dict[str, Pending] = {}

    def look(script: "ScriptDirectory", at: tuple[str, ...], _: "MigrationContext") -> None:
        standing = standing_of("", script, at)
        standings.append(standing)
        pending.update((each, _of_script(script, each)) for each in standing.pending)

    with Session(project, progress, reading=True) as session:
        record = session.look(("current",), look, any_revision=True)
        tables = tuple(each.shown for each in record.tables)
        named = zip(standings, tables, strict=True)

        async def ask(connection: "Connection") -> tuple[Surroundings, bool]:
            backend = await connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
            changes_hands = connection.get_server_pid() != backend
            return await surroundings.look(connection, tables), changes_hands

        around, changes_hands = session.connection.run(ask)
        return Status(
            session.target.shown,
            session.target.source,
            _pooler(session.target, changes_hands),
            tuple(replace(each, version_table=table) for each, table in named),
            tuple(pending.values()),
            around,
        )


def _of_script(script: "ScriptDirectory", revision: str) -> Pending:
    from dbtool.migrate.history import of_script

    found = script.get_revision(revision)
    assert found is not None
    said = of_script(found)
    return Pending(said.revision, said.message, said.created, said.file)
