"""`dbtool history` and the other commands about the revision files."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output, several
from dbtool.cli.command import Call, command
from dbtool.cli.migrate import PANEL, REVISION, as_flags, checked, opened
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED, WAITING
from dbtool.cli.revision import BRANCH_LABEL, MESSAGE, REV_ID, revision
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.heads import Heads
    from dbtool.migrate.project import Project
    from dbtool.ports import Progress
    from dbtool.report import Report

VERBOSE = typer.Option("--verbose", "-v", help="Show everything about each revision.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    shared = (DATABASE, WAITING, ALEMBIC)
    for body in (history, heads, branches, show):
        command(app, PANEL, *shared)(body)
    command(app, PANEL, *shared, JUDGED)(revision)
    command(app, PANEL, *shared)(merge)
    command(app, PANEL, *shared)(edit)


def history(
    call: Call,
    rev_range: Annotated[
        str | None,
        typer.Option(
            "--rev-range",
            "-r",
            metavar="A:B",
            help="From one revision to another; either may miss.",
        ),
    ] = None,
    indicate_current: Annotated[
        bool,
        typer.Option("--indicate-current", "-i", help="Ask the database and mark where it is."),
    ] = False,
    verbose: Annotated[bool, VERBOSE] = False,
) -> "Report":
    """List the revisions, the newest first. Reads only files, unless asked where a database is."""
    from dbtool.migrate import history as family
    from dbtool.migrate import view_history

    base, head = _range(rev_range)
    if indicate_current or "current" in (base, head):
        from dbtool.migrate.current import history_at

        flags = as_flags(**{"--indicate-current": indicate_current, "--verbose": verbose})
        flags += (f"--rev-range={rev_range}",) if rev_range else ()

        def one(project: "Project", progress: "Progress") -> "Report":
            found = history_at(project, base, head, progress, flags)
            return view_history.history(found, call.command, verbose=verbose)

        report = several.each(call, opened(call), one)
        return report if verbose else view_history.on_one_graph(report)
    with output.reserved():
        project = opened(call, offline=True)
        found = family.walk(project, base, head) if base or head else family.history(project)
    return view_history.history(found, call.command, verbose=verbose)


def _range(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    base, colon, head = text.strip().partition(":")
    if not colon or ":" in head:
        raise UsageError(
            f'"{text}" is not a range', hint="Give a:b, a: or :b, for example -r base:head."
        )
    return base or None, head or None


def heads(
    call: Call,
    resolve_dependencies: Annotated[
        bool,
        typer.Option("--resolve-dependencies", help="Leave out heads that others depend on."),
    ] = False,
    verbose: Annotated[bool, VERBOSE] = False,
) -> "Report":
    """Show the newest revision, of each branch if there are several."""
    from dbtool.migrate import view_history
    from dbtool.migrate.history import heads as read

    with output.reserved():
        project = opened(call, offline=True)
        found = read(project, resolve_dependencies=resolve_dependencies)
        apart = _apart(project) if len(found.revisions) > 1 else None
    return view_history.heads(found, call.command, verbose=verbose, apart=apart)


def _apart(project: "Project") -> "Heads":
    from dbtool.migrate.heads import heads_of
    from dbtool.migrate.history import history

    return heads_of(history(project), project.place.base)


def branches(call: Call, verbose: Annotated[bool, VERBOSE] = False) -> "Report":
    """Show where the history branches."""
    from dbtool.migrate import view_history
    from dbtool.migrate.history import branches as read

    with output.reserved():
        found = read(opened(call, offline=True))
    return view_history.branches(found, call.command, verbose=verbose)


def show(call: Call, revision: Annotated[str, REVISION]) -> "Report":
    """Show everything about a revision; `current` asks the database which."""
    from dbtool.migrate import view_history

    if revision == "current":
        from dbtool.migrate.current import revisions_at

        def one(project: "Project", progress: "Progress") -> "Report":
            return view_history.show(revisions_at(project, progress), call.command)

        return several.each(call, opened(call), one)
    from dbtool.migrate.history import show as read

    with output.reserved():
        found = read(opened(call, offline=True), checked(revision))
    return view_history.show(found, call.command)


def merge(
    call: Call,
    revisions: Annotated[list[str], REVISION],
    message: Annotated[str | None, MESSAGE] = None,
    branch_label: Annotated[str | None, BRANCH_LABEL] = None,
    rev_id: Annotated[str | None, REV_ID] = None,
    splice: Annotated[
        bool, typer.Option("--splice", help="Let it join revisions that are no heads.")
    ] = False,
) -> "Report":
    """Write a revision in which several heads meet; `heads` stands for all of them."""
    from dbtool.migrate import revision as family
    from dbtool.migrate import view

    wish = family.Wish(message, splice=splice, branch_label=branch_label, rev_id=rev_id)
    with output.reserved():
        names = tuple(map(checked, revisions))
        created = family.merge(opened(call), names, wish, call.progress)
    return view.created(created, call.command)


def edit(call: Call, revision: Annotated[str, REVISION]) -> None:
    """Open a revision's file in $EDITOR; `current` asks the database which."""
    from dbtool.migrate.edit import edit as open_files

    with output.reserved():
        project = opened(call, offline=revision != "current")
        open_files(project, checked(revision), call.progress)
