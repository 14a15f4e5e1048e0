"""`dbtool upgrade` and `dbtool downgrade`: run revisions, or say what would run."""

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
from dbtool.cli.migrate import (
    FROM_SCRATCH,
    NAME,
    PANEL,
    REVISION,
    SQL,
    TAG,
    YES,
    checked,
    opened,
)
from dbtool.cli.options import ALEMBIC, DATABASE, DIRECT, JUDGED, LOCKING, RESUMING, WAITING
from dbtool.cli.script import Range, print_sql, refuse_from_scratch, written

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the commands."""
    running = (DATABASE, WAITING, DIRECT, LOCKING, RESUMING, ALEMBIC)
    command(app, PANEL, *running, JUDGED)(upgrade)
    command(app, PANEL, *running)(downgrade)


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
