"""`dbtool current`, `stamp` and `ensure-version`: what the version table records."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output, several
from dbtool.cli.command import Call, command
from dbtool.cli.migrate import NAME, PANEL, REVISION, SQL, TAG, YES, as_flags, checked, opened
from dbtool.cli.options import ALEMBIC, DATABASE, DIRECT, JUDGED, LOCKING, WAITING
from dbtool.cli.script import print_sql
from dbtool.cli.shared import without

if TYPE_CHECKING:
    from dbtool.guard import Permission
    from dbtool.migrate.project import Project
    from dbtool.ports import Progress
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the commands."""
    changing = (DATABASE, WAITING, DIRECT, LOCKING, ALEMBIC)
    command(app, PANEL, DATABASE, WAITING, without("-c", ALEMBIC), JUDGED)(current)
    command(app, PANEL, *changing)(stamp)
    command(app, PANEL, *changing)(ensure_version)
    command(app, PANEL, *changing, name="ensure_version", hidden=True)(ensure_version)


def current(
    call: Call,
    check_heads: Annotated[
        bool, typer.Option("--check-heads", "-c", help="Exit 1 unless all heads are applied.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show more of each.")] = False,
) -> "Report":
    """Show the revision the database is at, and how many are pending."""
    from dbtool.migrate import view_current
    from dbtool.migrate.current import current as read

    flags = as_flags(**{"--check-heads": check_heads, "--verbose": verbose})

    def one(project: "Project", progress: "Progress") -> "Report":
        found = read(project, progress, flags)
        return view_current.current(found, call.command, check_heads=check_heads, verbose=verbose)

    return several.each(call, opened(call), one)


def stamp(
    call: Call,
    revisions: Annotated[list[str], REVISION],
    sql: Annotated[bool, SQL] = False,
    tag: Annotated[str | None, TAG] = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Forget every recorded revision first.")
    ] = False,
    yes: Annotated[bool, YES] = False,
    confirm_database: Annotated[str | None, NAME] = None,
) -> "Report | None":
    """Record that the database is at a revision, without running any."""
    names = tuple(map(checked, revisions))
    if sql:
        from dbtool.migrate.offline import stamp_sql

        with output.reserved():
            script = stamp_sql(opened(call, offline=True), names, tag)
        return print_sql(call, script)
    from dbtool.migrate import view
    from dbtool.migrate.stamp import stamp as record
    from dbtool.migrate.stamp import wish

    def one(project: "Project", progress: "Progress", allowed: "Permission") -> "Report":
        done = record(project, names, purge=purge, permission=allowed, progress=progress, tag=tag)
        return view.stamped(done, call.command)

    allowed = call.permission(yes, confirm_database)
    asking = wish(names, tag, allowed, purge=purge)
    return several.change(call, opened(call), allowed, lambda _: asking, one)


def ensure_version(
    call: Call,
    sql: Annotated[bool, SQL] = False,
    yes: Annotated[bool, YES] = False,
    confirm_database: Annotated[str | None, NAME] = None,
) -> "Report | None":
    """Create Alembic's version table where it does not exist."""
    if sql:
        from dbtool.migrate.offline import ensure_version_sql

        with output.reserved():
            script = ensure_version_sql(opened(call, offline=True))
        return print_sql(call, script)
    from dbtool.migrate import view
    from dbtool.migrate.stamp import ensure_version as ensure

    allowed = call.permission(yes, confirm_database)

    def one(project: "Project", progress: "Progress") -> "Report":
        return view.ensured(ensure(project, permission=allowed, progress=progress), call.command)

    return several.each(call, opened(call), one)
