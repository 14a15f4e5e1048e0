"""`dbtool explain`: run a query safely and say where its time goes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import advising, keeping, statements
from dbtool.cli.command import Call, command
from dbtool.cli.inputs import name_of, read
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.output import Format
from dbtool.errors import DbtoolError, UsageError

if TYPE_CHECKING:
    from dbtool.explain.examined import Explained
    from dbtool.explain.run import How
    from dbtool.guard import Permission
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Queries", DATABASE, JUDGED)(explain)


def explain(
    call: Call,
    sql: Annotated[
        str | None,
        typer.Argument(metavar="SQL", help="The statement; without it, stdin is read."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE[:NAME]",
            help="Read the statements from a file, or the one below `-- name: NAME`.",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="[NAME=]VALUE",
            help="The value of a parameter: by name or number, or in order for $1, ? and %s.",
        ),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(
            "--params", metavar="FILE", help="Values from a file: JSON, or NAME=VALUE lines."
        ),
    ] = None,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Try common and rare values from the statistics."),
    ] = False,
    generic: Annotated[
        bool,
        typer.Option("--generic", help="Show the plan for any values too; without any, only that."),
    ] = False,
    python: Annotated[
        str | None,
        typer.Option(
            "--python",
            metavar="MODULE:NAME",
            help="A SQLAlchemy statement, or a function that returns one.",
        ),
    ] = None,
    queryid: Annotated[
        int | None,
        typer.Option("--queryid", metavar="ID", help="A statement of pg_stat_statements."),
    ] = None,
    activity: Annotated[
        int | None,
        typer.Option("--activity", metavar="PID", help="What a session runs, or ran last."),
    ] = None,
    no_analyze: Annotated[
        bool, typer.Option("--no-analyze", help="Show the plan without running the statement.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            max=86_400,
            help="Stop a statement after this time: by default 30 in development, else 10.",
        ),
    ] = None,
    runs: Annotated[
        int,
        typer.Option(
            "--runs",
            metavar="N",
            min=1,
            max=100,
            help="Run each statement so often: the first, the least and the median time, and what "
            "reading the clock costs.",
        ),
    ] = 1,
    allow_writes: Annotated[
        bool,
        typer.Option(
            "--allow-writes",
            help="Run also INSERT, UPDATE, DELETE and MERGE, and roll them back; what a rollback "
            "does not undo is told before.",
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Run also what looks expensive or calls unknown functions, and, in development, "
            "what writes.",
        ),
    ] = False,
    confirm_database: Annotated[
        str | None,
        typer.Option(
            "--confirm-database",
            metavar="NAME",
            help="Run what writes on a database that is not known to be for development.",
        ),
    ] = None,
    from_plan: Annotated[
        Path | None,
        typer.Option(
            "--from-plan",
            metavar="FILE",
            help="Read plans somebody saved, in any format, or a log of them (- for stdin).",
        ),
    ] = None,
    save: keeping.Save = None,
    compare: keeping.Compare = None,
    check: keeping.Check = False,
    accept: keeping.Accept = False,
    advise: advising.Advise = False,
    top: advising.Top = None,
    revision: advising.Revision = False,
    measure: advising.Measure = False,
    settings: advising.Set = None,
    indexes: advising.Index = None,
) -> "Report":
    """Run a query safely and say where its time goes.

    It runs in a read-only transaction with time limits that is always rolled back; statements
    that write are refused without --allow-writes. Several statements are explained in order.
    --format raw prints what the server printed.
    """
    sources = {
        "a statement": sql,
        "-f": file,
        "--python": python,
        "--queryid": queryid,
        "--activity": activity,
        "--from-plan": from_plan,
    }
    others = {name: value for name, value in sources.items() if name != "a statement"}
    keeping.refuse_together(
        check=check, accept=accept, others={**others, "--save": save, "--compare": compare}
    )
    if sum(each is not None for each in sources.values()) > 1:
        *most, last = sources
        raise UsageError(f"give one of {', '.join(most)} and {last}, not several")
    wishes = advising.Wishes(
        advise, top, revision, measure, tuple(settings or ()), tuple(indexes or ())
    )
    advising.check_all(call, wishes, sources, check=check)
    if from_plan is not None:
        return _offline(call, from_plan, compare)
    if advise and all(each is None for each in sources.values()):
        return advising.workload(call, wishes)
    from dbtool.cli import spelling
    from dbtool.explain import run
    from dbtool.explain.run import How

    recorded = queryid is not None or activity is not None
    how = How(
        analyze=not no_analyze,
        timeout=timeout,
        parameters=(*statements.values(params), *(param or ())),
        generic=generic or (recorded and not param and params is None),
        sample=sample,
        runs=runs,
        writes=allow_writes,
    )
    permission = call.permission(yes, confirm_database)
    if check:
        return keeping.check_directory(call, sql, how, permission, accept=accept)
    text, how = statements.chosen(call, sources, how)
    given = keeping.Given(file, params, loose=bool(param) or bool(how.bound))
    values = [word for each in param or () for word in ("--param", each)]
    values += ["--params", str(params)] if params else []
    words = spelling.words(sources, [*values, *(["--sample"] if sample else [])])

    def asked(report: "Report", explained: "Explained") -> "Report":
        if not (advise or wishes.tries):
            report = spelling.offered(call, report, words, planned=no_analyze or allow_writes)
        run = ("--no-analyze",) if words and (no_analyze or allow_writes) else ()
        of_it = wishes.of_statement(how, (*run, *words))
        report = advising.added(call, report, explained, of_it, again)
        report = keeping.with_comparison(report, explained, compare)
        return keeping.keep(report, explained, save, text, given)

    def again(settings: advising.Settings) -> "Explained":
        changed = replace(how, settings=settings)
        return run.explain(call.target, text, how=changed, permission=permission)

    return asked(*_on_server(call, text, how, permission, advises=advise))


def _offline(call: Call, path: Path, before: Path | None) -> "Report":
    from dbtool.cli import spelling
    from dbtool.explain import offline, view

    explained = offline.examine(read(path), name_of(path))
    report = spelling.offered(call, view.report(explained), (), planned=True)
    return keeping.with_comparison(report, explained, before)


def _on_server(
    call: Call, sql: str, how: "How", permission: "Permission", *, advises: bool
) -> "tuple[Report, Explained]":
    """What was found out; for advice a plan will do where a statement ran out of time."""
    from dbtool.explain import run, view

    explained = run.explain(
        call.target,
        sql,
        how=replace(how, outline=True),
        permission=permission,
        progress=call.progress,
    )
    report = view.report(explained)
    if (refusal := view.refusal(explained)) is not None:
        hint = "The plan above is what it would do. --yes runs it; --no-analyze only plans."
        raise _shown(call, report, refusal, hint)
    if (stopped := view.stopped(explained)) is not None:
        if not advises:
            hint = f"The plan above is what the planner expected. {stopped.hint}"
            raise _shown(call, report, stopped, hint)
        report = replace(report, notes=(*report.notes, stopped.message))
    return report, explained


def _shown(call: Call, report: "Report", error: DbtoolError, hint: str) -> DbtoolError:
    """The error that ends the command once the plan of what was not run is written.

    JSON is one envelope for a command: whoever parses it gets the error and nothing before.
    """
    call.progress.close()
    if call.options.wanted is not Format.JSON:
        call.emit(report)
        error.hint = hint
    return error
