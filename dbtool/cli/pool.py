"""`dbtool pool`: the connections of a server."""

from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE, JUDGED

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(pool)


def pool(call: Call) -> "Report":
    """Show how many connections are left, who holds them and what they do.

    Asks the server once, read-only, within two seconds, and takes no lock on any table.
    A plain role sees the slots; the states of other roles' connections take pg_monitor.
    """
    from dbtool.health.pool import read
    from dbtool.health.view import pool_report

    return pool_report(read(call.target))
