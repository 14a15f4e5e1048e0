"""`dbtool upgrade` and `dbtool downgrade`: run revisions, or say what would run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output, several
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
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.cli.pending import Way
    from dbtool.guard import Permission
    from dbtool.migrate.afterwards import Wanted
    from dbtool.migrate.project import Project
    from dbtool.migrate.several import Wish as Asked
    from dbtool.ports import Progress
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
    lint finds that much. Of a project with several databases (Alembic's multidb) each is a run
    of its own, and none begins before all of them were seen and agreed to.
    """
    from dbtool.cli import pending

    wish = Wish(targets, query, schemas, search_path, parallel, keep_going)
    reads = "--plan" if plan else "--sql" if sql else ""
    refuse_afterwards(analyze, dump_schema, "a fleet" if wish.named else reads)
    pending.refuse(call, show_sql, "--sql" if sql else "", plan=plan)
    if wish.named:
        _refuse_sql(sql)
        order = Order(checked(revision), tag, plan_only=plan, show_sql=show_sql, yes=yes)
        return upgrade_fleet(call, opened(call, offline=targets is not None), wish, order)
    refuse_from_scratch(sql, from_scratch)
    if sql:
        what = Range("upgrade", checked(revision), tag, from_scratch)
        return print_sql(call, written(call, opened(call, offline=True), what))
    project = opened(call)
    if dump_schema is not None and several.are_in(project):
        refuse_afterwards(False, dump_schema, "several databases")
    if not plan and (idle := _idle(call, project, revision, tag, dump_schema)):
        return idle
    call.runs_long()
    after = wanted(analyze, dump_schema)
    way = pending.Way(project, checked(revision), tag)

    def planned(project: "Project", progress: "Progress") -> "Report":
        return pending.plan(call, replace(way, project=project), progress, show_sql=show_sql)

    if plan:
        return several.each(call, project, planned)
    if pending.has_limit(call):
        stopped = pending.stopping(call, several.each(call, project, planned))
        if stopped is not None:
            return stopped
    return _upgraded(call, way, call.permission(yes, confirm_database), after)


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
    targets: Annotated[Path | None, TARGETS] = None,
    query: Annotated[str | None, QUERY] = None,
    schemas: Annotated[str | None, SCHEMAS] = None,
    search_path: Annotated[str | None, SEARCH_PATH] = None,
    parallel: Annotated[int, PARALLEL] = 1,
    keep_going: Annotated[bool, KEEP_GOING] = False,
) -> "Report | None":
    """Undo revisions, back to the one given, or -1 for the last one.

    Says first what each step would lose, with rows counted, or estimated where a table is
    large, and which revisions refuse. Then it asks; where the database is not known to be for
    development, its name has to be typed. With --sql a range a:b is needed.
    With --targets, --query or --schemas it takes many databases or schemas back to a revision.
    """
    wish = Wish(targets, query, schemas, search_path, parallel, keep_going)
    if wish.named:
        from dbtool.cli.fleet_back import downgrade_fleet

        _refuse_sql(sql)
        order = Order(checked(revision), tag, plan, False, yes, "downgrade", confirm_database)
        return downgrade_fleet(call, opened(call, offline=targets is not None), wish, order)
    refuse_from_scratch(sql, from_scratch)
    if sql:
        what = Range("downgrade", checked(revision), tag, from_scratch)
        return print_sql(call, written(call, opened(call, offline=True), what))
    allowed = call.permission(yes, confirm_database)
    return _downgraded(call, checked(revision), tag, allowed, plan=plan)


def _refuse_sql(sql: bool) -> None:
    """A script is for one database; run instead of printed it would be a bad surprise."""
    if sql:
        raise UsageError(
            "--sql is for one database",
            hint="Leave out --targets, --query and --schemas.",
        )


def _idle(
    call: Call, project: "Project", revision: str, tag: str | None, dump_schema: Path | None
) -> "Report | None":
    """The report of an upgrade that is known to have nothing to do."""
    from dbtool.migrate.uptodate import up_to_date

    if dump_schema is not None:
        return None
    with output.reserved():
        idle = up_to_date(project, revision, tag, call.progress)
    if idle is None:
        return None
    from dbtool.migrate.view_current import nothing_to_do

    return nothing_to_do(idle, call.command)


def _upgraded(call: Call, way: "Way", allowed: "Permission", after: "Wanted") -> "Report":
    from dbtool.cli import pending
    from dbtool.migrate import upgrade as family
    from dbtool.migrate import view

    def run(project: "Project", progress: "Progress", allowed: "Permission") -> "Report":
        informed = pending.informed(call, replace(way, project=project), allowed)
        done = family.upgrade(
            project,
            way.revision,
            permission=informed,
            progress=progress,
            tag=way.tag,
            wanted=after,
        )
        return view.upgraded(done, call.command)

    def wishing(project: "Project") -> "Asked":
        informed = pending.informed(call, replace(way, project=project), allowed)
        return family.wish(way.revision, way.tag, informed)

    return several.change(call, way.project, allowed, wishing, run, way.revision)


def _downgraded(
    call: Call, revision: str, tag: str | None, allowed: "Permission", *, plan: bool
) -> "Report":
    from dbtool.migrate import downgrade as family
    from dbtool.migrate import view

    def planned(project: "Project", progress: "Progress") -> "Report":
        found = family.plan(project, revision, progress=progress, tag=tag)
        return view.plan(found, call.command)

    def run(project: "Project", progress: "Progress", allowed: "Permission") -> "Report":
        done = family.downgrade(project, revision, permission=allowed, progress=progress, tag=tag)
        return view.downgraded(done, call.command)

    def wishing(_: "Project") -> "Asked":
        return family.wish(revision, tag, allowed, call.progress)

    if plan:
        return several.each(call, opened(call), planned)
    return several.change(call, opened(call), allowed, wishing, run, revision)
