"""`dbtool status`: one screen before a deploy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import several
from dbtool.cli.command import Call, command
from dbtool.cli.fleet import PARALLEL, QUERY, SCHEMAS, SEARCH_PATH, TARGETS, Wish
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
    targets: Annotated[Path | None, TARGETS] = None,
    query: Annotated[str | None, QUERY] = None,
    schemas: Annotated[str | None, SCHEMAS] = None,
    search_path: Annotated[str | None, SEARCH_PATH] = None,
    parallel: Annotated[int, PARALLEL] = 1,
) -> "Report":
    """Show where the database is, what is pending and what an upgrade would meet.

    Names other runs, open transactions that hold locks, invalid indexes and a pooler. Reads
    only, takes no lock on any table, and exits 0 whatever it finds, unless the database is at a
    revision that no file has, or --check-heads says otherwise. With --targets, --query or
    --schemas it looks at many databases or schemas, and exits 4 where one could not be seen.
    """
    from dbtool.migrate.status import status as read
    from dbtool.migrate.view_status import status as view

    def one(project: "Project", progress: "Progress") -> "Report":
        return view(read(project, progress), call.command, check_heads=check_heads)

    wish = Wish(targets, query, schemas, search_path, parallel, keep_going=False)
    if wish.named:
        from dbtool.cli.fleet_status import status_fleet

        project = opened(call, offline=targets is not None)
        return status_fleet(call, project, wish, check_heads=check_heads)
    return several.each(call, opened(call), one)
