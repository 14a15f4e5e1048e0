"""A database that revisions are pending for, against what those it records make of an empty one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.errors import DbtoolError
from dbtool.migrate.diff.catalogs import Change, How, changes
from dbtool.migrate.diff.run import read_now
from dbtool.migrate.drift import Drift
from dbtool.migrate.project import Project
from dbtool.migrate.replayed import replay
from dbtool.migrate.session import Session
from dbtool.ports import Progress
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import Server, throwaway

_NAME = "behind"
_PARTS = frozenset({"column", "constraint", "index", "trigger"})


@dataclass(frozen=True, slots=True)
class Behind:
    """What of the tables that its revisions made is other than they made it.

    `recorded` are the revisions the database records, `pending` those to come. Where the
    servers are not of one version, `same_version` says that they may print things differently.
    """

    database: str
    recorded: tuple[str, ...]
    pending: tuple[str, ...]
    changes: tuple[Change, ...]
    same_version: bool


def behind(project: Project, progress: Progress, found: Drift, server: Server) -> Behind:
    """Run the revisions that the database records in a throwaway server, and compare."""
    (standing,) = found.standings
    with Session(project, progress, reading=True) as session:
        session.look(("check",), lambda *_: None)
        live = read_now(session.connection).catalog
    major = live.version_number // 10000
    with server.watched() if server.binaries.major == major else _of(major, server) as chosen:
        target = replace(chosen.create_database(_NAME), source="--all")
        for each in standing.recorded:
            replay(replace(project, target=target), target, progress, each)
        with SyncConnection(target) as connection:
            ours = connection.run(catalog.read)
        chosen.drop_database(_NAME)
    return Behind(
        found.database,
        standing.recorded,
        standing.pending,
        tuple(_told(ours, live, standing.version_table)),
        ours.version_number // 10000 == major,
    )


def _of(major: int, server: Server) -> AbstractContextManager[Server]:
    """A server of the version of the database, where there is one; else the one at hand."""
    try:
        find_binaries(major)
    except DbtoolError:
        return server.watched()
    return throwaway(major)


def _told(ours: Catalog, live: Catalog, versions: str) -> Iterator[Change]:
    """What differs of what revisions made; what only the database has may be somebody else's."""
    for each in changes(ours, live):
        mine = each.how is not How.ADDED or each.kind in _PARTS
        if mine and each.kind != "extension" and not _is_of(each, versions):
            yield each


def _is_of(change: Change, versions: str) -> bool:
    """Whether it is the version table, or a part of it."""
    bare = versions.removeprefix("public.")
    return change.name == bare or change.name.startswith(f"{bare}.")
