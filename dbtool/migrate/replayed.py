"""Compare the models with what the revisions make of an empty database: no other is needed."""

import re
from dataclasses import replace

from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.guard import Action, Consent, Permission
from dbtool.migrate.drift import Drift, check
from dbtool.migrate.from_scratch import without_the_server
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.migrate.upgrade import upgrading
from dbtool.ports import Progress
from dbtool.scratch.server import Server, throwaway

_NAME = "history"
_SIDE = re.compile(r"(?<= )in the database(?![\w'\"])")


def check_history(project: Project, progress: Progress, server: Server | None = None) -> Drift:
    """Run every revision in a throwaway server, one that runs already or its own, and compare."""
    progress.step("running the revisions in a throwaway PostgreSQL")
    with server.watched() if server else throwaway() as server:
        server.drop_database(_NAME)
        target = replace(server.create_database(_NAME), source="--history")
        scratch = replace(project, target=target, scratch=True)
        replay(project, target, progress)
        found = check(scratch, progress, server=server)
    return replace(
        found,
        database="the history",
        named_by="--history",
        differences=tuple(replace(e, text=_of_history(e.text)) for e in found.differences),
        uncompared=tuple(replace(e, what=_of_history(e.what)) for e in found.uncompared),
    )


def _of_history(text: str) -> str:
    """What is told of a difference, where its other side is no database of anybody's."""
    return _SIDE.sub("in the history", text)


def replay(project: Project, target: Target, progress: Progress, to: str = "heads") -> None:
    """Run every revision, or those up to one, on a database that goes away again."""
    scratch = replace(project, target=target, scratch=True)
    allowed = Permission(Consent(yes=True, confirm_database=target.database))
    try:
        with quiet_alembic(), _Replay(scratch, progress) as session:
            session.carry_out(upgrading(to, None), Action.UPGRADE, allowed, lambda *_: ())
    except DbtoolError as error:
        without_the_server(error, target.database)
        raise


class _Replay(Session):
    """A revision's check of itself asks about rows, and there are none here."""

    verifies = logs = False
