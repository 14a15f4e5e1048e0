"""`dbtool check`: whether models, history and database agree, and whether revisions lead back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output, several
from dbtool.cli.command import Call, command
from dbtool.cli.migrate import PANEL, complete_revision, opened
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED, WAITING
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.ports import Progress
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
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="The gate of CI: heads, models, lint, history, database and round trip at once.",
        ),
    ] = False,
    models: Annotated[
        bool,
        typer.Option("--models", help="Judge what the models say themselves, without a database."),
    ] = False,
    released: Annotated[
        str | None,
        typer.Option(
            "--released",
            metavar="TAG|REV",
            help="Judge the revisions a release lacks for its code, which still runs.",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="RULE",
            help="With --models: ask only these rules, with commas or repeated.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="RULE",
            help="With --models: do not ask these rules.",
        ),
    ] = None,
) -> "Report":
    """Compare the models with the database: exit 1 where they differ.

    Uses env.py's own metadata and filters, as Alembic's check does. Models that are not plainly
    what the database has are built in a throwaway PostgreSQL, so that both sides are compared as
    a server prints them, and each difference says which side has it and which operation would
    end it.

    With --roundtrip it proves that revisions lead back, with rows too: each runs up, down and
    up again in a throwaway PostgreSQL. Neither that nor --history needs a database.

    With --models it judges the models alone: foreign keys without an index, times without a
    zone, defaults shared by all rows, cascades that contradict each other, and more.

    With --released TAG it judges the revisions that the release in git does not have: what they
    drop, rename or require that its models use, and how to do it in two deploys.

    With --all everything is one report; the database takes part where one is named, and a
    release where --released names it.
    """
    from dbtool.cli import judging, modelling
    from dbtool.migrate import view
    from dbtool.migrate.drift import check as compare
    from dbtool.migrate.replayed import check_history

    if revisions and not roundtrip:
        raise UsageError("revisions are for --roundtrip", hint="dbtool check --roundtrip RANGE")
    _refuse_several(
        **{
            "--history": history,
            "--roundtrip": roundtrip,
            "--all": everything,
            "--models": models,
            "--released": released is not None and not everything,
        }
    )
    if (select or ignore) and not models:
        raise UsageError(f"{'--select' if select else '--ignore'} is for --models")
    if everything:
        from dbtool.cli.gate import gate

        return gate(call, released)
    call.runs_long()
    if models:
        with output.reserved():
            return modelling.judged(call, judging.parted(select), judging.parted(ignore))
    if released is not None:
        with output.reserved():
            return modelling.released(call, released)
    if roundtrip:
        return _round_trip(call, tuple(revisions or ()))
    compares = check_history if history else compare

    def one(project: "Project", progress: "Progress") -> "Report":
        found = compares(project, progress)
        report = view.drift(found, call.command)
        if project.only is not None:  # autogenerate writes for one database
            report = replace(report, next=())
        several_heads = any(len(each.heads) > 1 for each in found.standings)
        return _with_heads(call, report) if several_heads else report

    return several.each(call, opened(call, offline=history), one)


def _with_heads(call: Call, report: "Report") -> "Report":
    """What two branches brought after a merge comes before what they make."""
    from dbtool.migrate import view_heads
    from dbtool.migrate.heads import heads_of
    from dbtool.migrate.history import history

    project = opened(call, offline=True)
    apart = view_heads.heads(heads_of(history(project), project.place.base), call.command)
    return replace(
        report,
        findings=(*apart.findings, *report.findings),
        next=(*apart.next, *report.next),
    )


def _refuse_several(**given: bool) -> None:
    names = [name for name, used in given.items() if used]
    if len(names) > 1:
        raise UsageError(f"give {' or '.join(names)}, not both at once")


def _round_trip(call: Call, revisions: tuple[str, ...]) -> "Report":
    from dbtool.migrate import view_roundtrip
    from dbtool.migrate.roundtrip import round_trip
    from dbtool.migrate.selection import Wanted
    from dbtool.seed.fill import fill

    wanted = Wanted(revisions, call.settings.keys.lint_since)

    def one(project: "Project", progress: "Progress") -> "Report":
        found = round_trip(project, wanted, progress, fill=fill)
        return view_roundtrip.roundtrip(found, call.command)

    return several.each(call, opened(call, offline=True), one)
