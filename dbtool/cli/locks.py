"""`dbtool locks`: who waits for whom, and what would free them."""

from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.literals import ShowLiterals
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.place import led
from dbtool.cli.rescue import asked

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(locks)


def locks(call: Call, show_literals: ShowLiterals = False) -> "Report":
    """Show who waits for a lock, behind whom, and what ending that one would release.

    Knows queues behind a waiting statement, prepared transactions, advisory locks of idle
    sessions and parallel workers. Reads only, within two seconds, and takes no lock on any table.
    """
    from functools import partial

    from dbtool.health.locks import read
    from dbtool.health.view_locks import locks_report

    return led(call, locks_report(asked(call, partial(read, literals=show_literals))))
