"""`dbtool status`: one screen before a deploy."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import several
from dbtool.cli.command import Call, command
from dbtool.cli.migrate import PANEL, opened
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED, WAITING

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.ports import Progress
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, PANEL, DATABASE, WAITING, ALEMBIC, JUDGED)(status)


def status(
    call: Call,
    check_heads: Annotated[
        bool, typer.Option("--check-heads", help="Exit 1 unless all heads are applied.")
    ] = False,
) -> "Report":
    """Show where the database is, what is pending and what an upgrade would meet.

    Names other runs, open transactions that hold locks, invalid indexes and a pooler. Reads
    only, takes no lock on any table, and exits 0 whatever it finds, unless the database is at a
    revision that no file has, or --check-heads says otherwise.
    """
    from dbtool.migrate.status import status as read
    from dbtool.migrate.view_status import status as view

    def one(project: "Project", progress: "Progress") -> "Report":
        return view(read(project, progress), call.command, check_heads=check_heads)

    return several.each(call, opened(call), one)
