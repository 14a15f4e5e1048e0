"""`dbtool check`: whether models, history and database agree, and whether revisions lead back."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.command import Call, command
from dbtool.cli.migrate import PANEL, complete_revision, opened
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED, WAITING
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, PANEL, DATABASE, WAITING, ALEMBIC, JUDGED)(check)


def check(
    call: Call,
    revisions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RANGE",
            help="With --roundtrip: revisions by id, range (a:b), -N for the last N or file;"
            " without any, those the main branch does not have, else the last.",
            autocompletion=complete_revision,
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="Compare with what the revisions make, in a throwaway PostgreSQL."
        ),
    ] = False,
    roundtrip: Annotated[
        bool,
        typer.Option(
            "--roundtrip",
            help="Run revisions up, down and up again there, and compare the schema at each stop.",
        ),
    ] = False,
) -> "Report":
    """Compare the models with the database: exit 1 where they differ.

    Uses env.py's own metadata and filters, as Alembic's check does. The models are built in a
    throwaway PostgreSQL, so that both sides are compared as a server prints them, and each
    difference says which side has it and which operation would end it.

    With --roundtrip it proves that revisions lead back, with rows too: each runs up, down and
    up again in a throwaway PostgreSQL. Neither that nor --history needs a database.
    """
    from dbtool.migrate import view
    from dbtool.migrate.drift import check as compare
    from dbtool.migrate.replayed import check_history

    if revisions and not roundtrip:
        raise UsageError("revisions are for --roundtrip", hint="dbtool check --roundtrip RANGE")
    if roundtrip and history:
        raise UsageError("give --history or --roundtrip, not both at once")
    call.runs_long()
    with output.reserved():
        if roundtrip:
            return _round_trip(call, tuple(revisions or ()))
        if history:
            found = check_history(opened(call, offline=True), call.progress)
        else:
            found = compare(opened(call), call.progress)
    return view.drift(found, call.command)


def _round_trip(call: Call, revisions: tuple[str, ...]) -> "Report":
    from dbtool.migrate import view_roundtrip
    from dbtool.migrate.roundtrip import round_trip
    from dbtool.migrate.selection import Wanted
    from dbtool.seed.fill import fill

    wanted = Wanted(revisions, call.settings.keys.lint_since)
    found = round_trip(opened(call, offline=True), wanted, call.progress, fill=fill)
    return view_roundtrip.roundtrip(found, call.command)
