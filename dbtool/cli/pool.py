"""`dbtool pool`: the connections of a server."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE, DATABASE_PANEL, JUDGED

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(pool)


PgBouncer = Annotated[
    str | None,
    typer.Option(
        "--pgbouncer",
        metavar="URL",
        help="Also ask a PgBouncer who waits in it, and say why: any URL of it, with a user that "
        "may look at its console.",
        rich_help_panel=DATABASE_PANEL,
    ),
]


def pool(call: Call, pgbouncer: PgBouncer = None) -> "Report":
    """Show how many connections are left, who holds them and what they do.

    Asks the server once, read-only, within two seconds, and takes no lock on any table.
    A plain role sees the slots; the states of other roles' connections take pg_monitor.
    """
    from dbtool.health.pool import read
    from dbtool.health.view import pool_report

    if pgbouncer is not None:
        return _with_pooler(call, pgbouncer)
    return pool_report(read(call.target))


def _with_pooler(call: Call, url: str) -> "Report":
    """The pooler and the server behind it; without a server the pooler alone."""
    from dbtool.database.url import parse
    from dbtool.health.layers import read
    from dbtool.health.view_pooler import layers_report

    named = bool(call.options.env) or call.settings.has_target()
    return layers_report(read(parse(url, "--pgbouncer"), call.target if named else None))
