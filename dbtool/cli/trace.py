"""`dbtool trace`: what one call of the application sends to its database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.engine import LoadedEngine
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Queries", DATABASE, JUDGED)(trace)


def trace(
    call: Call,
    function: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="A function, plain or async, that takes nothing or a session.",
        ),
    ],
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="MODULE:NAME",
            help="The application's engine, where the setting does not name it.",
        ),
    ] = None,
    no_analyze: Annotated[
        bool, typer.Option("--no-analyze", help="Show plans without running statements again.")
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
    allow_writes: Annotated[
        bool,
        typer.Option("--allow-writes", help="Keep what the function commits."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Run without asking where a yes is enough.")
    ] = False,
    confirm_database: Annotated[
        str | None,
        typer.Option(
            "--confirm-database",
            metavar="NAME",
            help="Run on a database that is not known to be for development.",
        ),
    ] = None,
) -> "Report":
    """Run one function and show what it sends: N+1, repeats, plans.

    Statements are grouped, with the line and the relationship that had them sent, and each is
    explained with its own values. Commits become savepoints, and all is rolled back.
    """
    from dbtool.cli.output import reserved
    from dbtool.engine import calling, load
    from dbtool.explain.run import How
    from dbtool.explain.trace import judging, view
    from dbtool.explain.trace.groups import grouped
    from dbtool.metadata import search_path

    directories = (Path.cwd(), *search_path(call.settings.project.root))
    spec = engine or call.settings.engine
    if spec is None:
        raise UsageError(
            "no engine is named",
            hint='Name the application\'s: --engine app.db:engine, or engine = "app.db:engine" in'
            " the settings.",
        )
    with reserved():
        loaded = load(spec, directories)
        body = calling.load_callable(function, directories)
    target = _target(call, loaded)
    permission = call.permission(yes, confirm_database)
    seconds = judging.permitted(target, permission, commits=allow_writes, seconds=timeout)
    call.progress.step(f"tracing {function}")
    terms = calling.Terms(target, seconds, allow_writes, directories)
    with reserved():
        traced = calling.trace(loaded, body, function, terms)
    found = judging.judged(grouped(traced))
    how = How(analyze=not no_analyze, timeout=timeout)
    return view.report(judging.explained(found, target, how, permission, call.progress))


def _target(call: Call, loaded: "LoadedEngine") -> "Target":
    """The database that is named; where none is, the one the engine's URL names."""
    settings = call.settings
    if settings.chosen is None and settings.keys.url is None:
        return loaded.target()
    return call.named
