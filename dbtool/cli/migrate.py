"""`dbtool upgrade` and the other commands that ask or change a database through env.py."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.afterwards import ANALYZE, DUMP_SCHEMA, refuse_afterwards, wanted
from dbtool.cli.command import Call, command
from dbtool.cli.fleet import (
    KEEP_GOING,
    PARALLEL,
    QUERY,
    SCHEMAS,
    SEARCH_PATH,
    TARGETS,
    Order,
    Wish,
    upgrade_fleet,
)
from dbtool.cli.options import (
    ALEMBIC,
    DATABASE,
    DIRECT,
    JUDGED,
    LOCKING,
    RESUMING,
    WAITING,
    without,
)
from dbtool.cli.script import Range, print_sql, refuse_from_scratch, written
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.migrate.waits import Limits
    from dbtool.report import Report

PANEL = "Migrations"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    changing = (DATABASE, WAITING, DIRECT, LOCKING, ALEMBIC)
    running = (DATABASE, WAITING, DIRECT, LOCKING, RESUMING, ALEMBIC)
    command(app, PANEL, *running, JUDGED)(upgrade)
    command(app, PANEL, *running)(downgrade)
    command(app, PANEL, DATABASE, WAITING, without("-c", ALEMBIC), JUDGED)(current)
    command(app, PANEL, *changing)(stamp)
    command(app, PANEL, *changing)(ensure_version)
    command(app, PANEL, *changing, name="ensure_version", hidden=True)(ensure_version)


def complete_revision(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Revision ids with their messages, read from the files without Alembic."""
    from dbtool.migrate.history import revision_ids

    before = ctx.find_root().params
    configs, section = (ctx.params.get(key) or before.get(key) for key in ("configs", "name"))
    known = revision_ids(Path.cwd(), configs, section)
    return [(name, message) for name, message in known if name.startswith(incomplete)]


REVISION = typer.Argument(
    metavar="REVISION",
    help="An id or the beginning of one, head, heads, base, label@head, or relative: +1, -2.",
    autocompletion=complete_revision,
    show_default=False,
)
SQL = typer.Option("--sql", help="Print the SQL instead; nothing is connected to.")
FROM_SCRATCH = typer.Option(
    "--from-scratch", help="With --sql: record what really runs, in a throwaway server."
)
TAG = typer.Option("--tag", metavar="TEXT", help="A word for env.py (get_tag_argument).")
YES = typer.Option("--yes", "-y", help="Run without asking where a yes is enough.")
NAME = typer.Option(
    "--confirm-database", metavar="NAME", help="Run where the database's name is asked for."
)


def opened(call: Call, *, offline: bool = False) -> "Project":
    """The project around the current directory, and the database named for it."""
    from dbtool.migrate.project import open_project
    from dbtool.migrate.waits import How

    chosen, settings = call.options, call.settings
    named = not offline and settings.has_target()
    target = call.named if named else None
    project = open_project(settings, chosen.configs, chosen.name, chosen.x, target)
    return replace(
        project,
        wait_db=chosen.wait_db or 0.0,
        direct=chosen.direct,
        flags=as_flags(**{"--quiet": chosen.quiet, "--raiseerr": chosen.raiseerr}),
        limits=limits(call),
        resume=How(chosen.resume or How.AUTO),
    )


def limits(call: Call) -> "Limits":
    """How long to wait for other runs and for locks: the options, else the settings."""
    from dbtool.migrate.waits import Limits

    keys, chosen = call.settings.keys, call.options
    wait, timeout, blocking = chosen.wait_lock, chosen.lock_timeout, chosen.max_blocking
    return Limits(
        lock_timeout=float(keys.lock_timeout) if timeout is None else timeout,
        wait_lock=float(keys.wait_lock) if wait is None else wait,
        max_blocking=float(keys.max_blocking) if blocking is None else blocking,
    )


def as_flags(**flags: bool) -> tuple[str, ...]:
    """The flags that were given, as env.py may look for them."""
    return tuple(name for name, value in flags.items() if value)


def checked(revision: str) -> str:
    """A revision, not an option that was let through because another word looks like -1."""
    if revision.startswith("-") and not re.fullmatch(r"-\d+", revision):
        raise UsageError(f"no such option: {revision}")
    return revision


def upgrade(
    call: Call,
    revision: Annotated[str, REVISION] = "head",
    sql: Annotated[bool, SQL] = False,
    from_scratch: Annotated[bool, FROM_SCRATCH] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", "--dry-run", help="Show what would run, and what lint says of it, and stop."
        ),
    ] = False,
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="With --plan: the statements of each revision.")
    ] = False,
    tag: Annotated[str | None, TAG] = None,
    yes: Annotated[bool, YES] = False,
    confirm_database: Annotated[str | None, NAME] = None,
    targets: Annotated[Path | None, TARGETS] = None,
    query: Annotated[str | None, QUERY] = None,
    schemas: Annotated[str | None, SCHEMAS] = None,
    search_path: Annotated[str | None, SEARCH_PATH] = None,
    parallel: Annotated[int, PARALLEL] = 1,
    keep_going: Annotated[bool, KEEP_GOING] = False,
    analyze: Annotated[bool, ANALYZE] = False,
    dump_schema: Annotated[Path | None, DUMP_SCHEMA] = None,
) -> "Report | None":
    """Apply pending revisions, up to head or the revision given.

    Runs your own env.py and revisions unchanged, on the database named and on no other:
    each connection env.py opens proves where it leads before it runs a statement. Without
    a name, the database is the one env.py connects to. With --sql a range a:b says where
    to begin. With --targets, --query or --schemas it upgrades many databases or schemas.
    With --fail-on, or fail_on in the settings, it stops before the first change where
    lint finds that much.
    """
    from dbtool.cli import pending

    wish = Wish(targets, query, schemas, search_path, parallel, keep_going)
    reads = "--plan" if plan else "--sql" if sql else ""
    refuse_afterwards(analyze, dump_schema, "a fleet" if wish.named else reads)
    pending.refuse(call, show_sql, "--sql" if sql else "", plan=plan)
    if wish.named:
        order = Order(checked(revision), tag, plan_only=plan, show_sql=show_sql, yes=yes)
        return upgrade_fleet(call, opened(call, offline=targets is not None), wish, order)
    refuse_from_scratch(sql, from_scratch)
    with output.reserved():
        if sql:
            what = Range("upgrade", checked(revision), tag, from_scratch)
            script = written(call, opened(call, offline=True), what)
        else:
            from dbtool.migrate.uptodate import up_to_date

            project, progress = opened(call), call.progress
            at_once = not plan and dump_schema is None
            if at_once and (idle := up_to_date(project, revision, tag, progress)):
                from dbtool.migrate.view_current import nothing_to_do

                return nothing_to_do(idle, call.command)
            from dbtool.migrate import upgrade as family
            from dbtool.migrate import view

            call.runs_long()
            planned = pending.Way(project, checked(revision), tag)
            if plan:
                return pending.plan(call, planned, show_sql=show_sql)
            if stopped := pending.stopped(call, planned):
                return stopped
            allowed = pending.informed(call, planned, call.permission(yes, confirm_database))
            after = wanted(analyze, dump_schema)
            done = family.upgrade(
                project,
                checked(revision),
                permission=allowed,
                progress=progress,
                tag=tag,
                wanted=after,
            )
            return view.upgraded(done, call.command)
    return print_sql(call, script)


def downgrade(
    call: Call,
    revision: Annotated[str, REVISION],
    sql: Annotated[bool, SQL] = False,
    from_scratch: Annotated[bool, FROM_SCRATCH] = False,
    plan: Annotated[
        bool,
        typer.Option("--dry-run", "--plan", help="Show what would be undone and lost, and stop."),
    ] = False,
    tag: Annotated[str | None, TAG] = None,
    yes: Annotated[bool, YES] = False,
    confirm_database: Annotated[str | None, NAME] = None,
) -> "Report | None":
    """Undo revisions, back to the one given, or -1 for the last one.

    Says first what each step would lose, with rows counted, or estimated where a table is
    large, and which revisions refuse. Then it asks; where the database is not known to be for
    development, its name has to be typed. With --sql a range a:b is needed.
    """
    refuse_from_scratch(sql, from_scratch)
    with output.reserved():
        if sql:
            what = Range("downgrade", checked(revision), tag, from_scratch)
            script = written(call, opened(call, offline=True), what)
        else:
            from dbtool.migrate import downgrade as family
            from dbtool.migrate import view

            project, progress = opened(call), call.progress
            if plan:
                planned = family.plan(project, checked(revision), progress=progress, tag=tag)
                return view.plan(planned, call.command)
            allowed = call.permission(yes, confirm_database)
            done = family.downgrade(
                project, checked(revision), permission=allowed, progress=progress, tag=tag
            )
            return view.downgraded(done, call.command)
    return print_sql(call, script)


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

    with output.reserved():
        flags = as_flags(**{"--check-heads": check_heads, "--verbose": verbose})
        found = read(opened(call), call.progress, flags)
    return view_current.current(found, call.command, check_heads=check_heads, verbose=verbose)


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
    with output.reserved():
        if not sql:
            from dbtool.migrate import view
            from dbtool.migrate.stamp import stamp as record

            done = record(
                opened(call),
                names,
                purge=purge,
                permission=call.permission(yes, confirm_database),
                progress=call.progress,
                tag=tag,
            )
            return view.stamped(done, call.command)
        from dbtool.migrate.offline import stamp_sql

        script = stamp_sql(opened(call, offline=True), names, tag)
    return print_sql(call, script)


def ensure_version(
    call: Call,
    sql: Annotated[bool, SQL] = False,
    yes: Annotated[bool, YES] = False,
    confirm_database: Annotated[str | None, NAME] = None,
) -> "Report | None":
    """Create Alembic's version table where it does not exist."""
    with output.reserved():
        if not sql:
            from dbtool.migrate import view
            from dbtool.migrate.stamp import ensure_version as ensure

            allowed = call.permission(yes, confirm_database)
            done = ensure(opened(call), permission=allowed, progress=call.progress)
            return view.ensured(done, call.command)
        from dbtool.migrate.offline import ensure_version_sql

        script = ensure_version_sql(opened(call, offline=True))
    return print_sql(call, script)
