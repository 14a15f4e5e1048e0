"""`dbtool pool`: the connections of a server."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, alone, command
from dbtool.cli.help import HelpGroup
from dbtool.cli.literals import ShowLiterals
from dbtool.cli.options import DATABASE, DATABASE_PANEL, JUDGED
from dbtool.cli.place import led
from dbtool.cli.rescue import asked, remember
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.engine import LoadedEngine
    from dbtool.engine.pooling import Pooling
    from dbtool.report import Report

PANEL = "Health"
GROUP_PANEL = "Commands"
DEFAULT_OVERFLOW = 10
"""SQLAlchemy's own max_overflow."""


def register(app: typer.Typer) -> None:
    """Add the command, which has one below it."""
    group = typer.Typer(cls=HelpGroup, help=inspect.getdoc(pool), rich_markup_mode=None)
    alone(group, DATABASE, JUDGED)(pool)
    command(group, GROUP_PANEL, DATABASE, JUDGED)(budget)
    command(group, GROUP_PANEL, DATABASE, JUDGED)(probe)
    command(group, GROUP_PANEL, JUDGED)(attach)
    app.add_typer(group, name="pool", rich_help_panel=PANEL)


PgBouncer = Annotated[
    str | None,
    typer.Option(
        "--pgbouncer",
        metavar="URL",
        help="Also ask a PgBouncer who waits in it, and say why: any URL of it, with a user that "
        "may look at its console.",
        rich_help_panel=DATABASE_PANEL,
    ),
]


def pool(call: Call, pgbouncer: PgBouncer = None, show_literals: ShowLiterals = False) -> "Report":
    """Show how many connections are left, who holds them and what they do.

    Asks the server once, read-only, within two seconds, and takes no lock on any table.
    A plain role sees the slots; the states of other roles' connections take pg_monitor.
    """
    from functools import partial

    from dbtool.health.pool import read
    from dbtool.health.view import pool_report

    if pgbouncer is not None:
        return _with_pooler(call, pgbouncer, literals=show_literals)
    seen = asked(call, partial(read, literals=show_literals))
    remember(call, seen)
    return led(call, pool_report(seen))


def _with_pooler(call: Call, url: str, *, literals: bool) -> "Report":
    """The pooler and the server behind it; without a server the pooler alone."""
    from functools import partial

    from dbtool.database.url import parse
    from dbtool.health.layers import read
    from dbtool.health.view_pooler import layers_report

    named = bool(call.options.env) or call.settings.has_target()
    target = call.target if named else None
    console_of, through = parse(url, "--pgbouncer"), partial(asked, call)
    seen = read(console_of, target, literals=literals, through=through)
    remember(call, seen.server)
    return led(call, layers_report(seen))


BUDGET_PANEL = "Budget"


def budget(
    call: Call,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            help="Processes that have an engine: workers × replicas, of all services.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ],
    pool_size: Annotated[
        int | None,
        typer.Option(
            "--pool-size",
            metavar="N",
            min=1,
            help="Instead of the engine's pool_size.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = None,
    max_overflow: Annotated[
        int | None,
        typer.Option(
            "--max-overflow",
            metavar="N",
            min=0,
            help="Instead of the engine's max_overflow; without an engine 10, as SQLAlchemy has "
            "it.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = None,
    surge: Annotated[
        float,
        typer.Option(
            "--surge",
            metavar="X",
            min=1.0,
            help="By how much a deployment multiplies the processes: 2 where all old and new ones "
            "run at once, 1.25 where a quarter does.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = 2.0,
    poolers: Annotated[
        int | None,
        typer.Option(
            "--poolers",
            metavar="N",
            min=0,
            help="Server connections that poolers may open: the sum of their pool sizes; with "
            "--pgbouncer what that one allows. They add to the processes' own, which are unknown "
            "where no engine tells whether they go to the pooler.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = None,
    reserve: Annotated[
        int,
        typer.Option(
            "--reserve",
            metavar="N",
            min=0,
            help="Connections for the rest: 2 of a migration and 1 of dbtool; add cron jobs and "
            "other applications.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = 3,
    cores: Annotated[
        int | None,
        typer.Option(
            "--cores",
            metavar="N",
            min=1,
            help="Cores of the server, for a range of sizes.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="MODULE:NAME",
            help="The application's engine, where the setting does not name it.",
            rich_help_panel=BUDGET_PANEL,
        ),
    ] = None,
    pgbouncer: Annotated[
        str | None,
        typer.Option(
            "--pgbouncer",
            metavar="URL",
            help="Also ask this PgBouncer what its pools allow, and whether it keeps statements.",
            rich_help_panel=DATABASE_PANEL,
        ),
    ] = None,
) -> "Report":
    """Add up what all processes may open, and compare it with the server's slots.

    Pool sizes and the arguments for prepared statements are read from the application's engine,
    which connects nowhere; the server is asked once, as by pool.
    """
    from dbtool.database.url import parse
    from dbtool.health.budget import Wanted, read
    from dbtool.health.view_budget import budget_report

    found = _engine(call, engine)
    if found is None and pool_size is None:
        raise UsageError(
            "how large the pools are is not known",
            detail="No engine is named, and no --pool-size.",
            hint='Give --pool-size and --max-overflow, or --engine app.db:engine, or engine = "…"'
            " in the settings.",
        )
    size = pool_size or (found.size if found else None)
    overflow = found.overflow if found else DEFAULT_OVERFLOW
    overflow = overflow if max_overflow is None else max_overflow
    if pool_size and overflow is None and max_overflow is None:
        overflow = DEFAULT_OVERFLOW
    wanted = Wanted(processes, size, overflow, surge, poolers, reserve, cores)
    console_of = parse(pgbouncer, "--pgbouncer") if pgbouncer else None
    return budget_report(read(call.target, wanted, found, console_of))


def _engine(call: Call, named: str | None) -> "Pooling | None":
    """What the application's engine is, where one is named."""
    from dbtool.engine.pooling import pooling

    loaded = _loaded(call, named)
    return pooling(loaded) if loaded else None


def _loaded(call: Call, named: str | None) -> "LoadedEngine | None":
    """The application's engine, which no other command of this family imports."""
    spec = named or call.settings.engine
    if spec is None:
        return None
    from dbtool.cli.output import reserved
    from dbtool.engine import load
    from dbtool.metadata import search_path

    with reserved():
        return load(spec, (Path.cwd(), *search_path(call.settings.project.root)))


def probe(
    call: Call,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="MODULE:NAME",
            help="The application's engine, where the setting does not name it.",
        ),
    ] = None,
    saturate: Annotated[
        bool,
        typer.Option(
            "--saturate",
            help="Also fill the pool and ask for one more; only with --env of an environment that "
            "is marked development = true.",
        ),
    ] = False,
) -> "Report":
    """Try the application's engine: what each step costs, and whether a pooler mixes up rows.

    Opens at most five connections, a quarter of the free slots, and none where slots are short.
    Each has to prove that it leads to the database that is named. Runs SELECT 1 and two prepared
    statements that it drops again; an engine whose statements would stay in a pooler is not used.
    """
    from functools import partial

    from dbtool.cli.output import reserved
    from dbtool.engine.pooling import pooling
    from dbtool.engine.timing import measure
    from dbtool.health.probing import read
    from dbtool.health.view_probe import probe_report

    if saturate:
        _refuse_to_saturate(call)
    loaded = _loaded(call, engine)
    if loaded is None:
        raise UsageError(
            "no engine is named",
            hint='Give --engine app.db:engine, or engine = "app.db:engine" in the settings.',
        )
    leads = loaded.target()
    named = bool(call.options.env) or call.settings.has_target()
    target = call.target if named else leads
    times = partial(measure, loaded)
    with reserved():
        return probe_report(read(target, leads, pooling(loaded), times, saturate=saturate))


def _refuse_to_saturate(call: Call) -> None:
    """A full pool keeps the application waiting: only where the settings say that nobody works."""
    chosen = call.settings.chosen
    if not (call.options.env and chosen and chosen.development and not chosen.production):
        raise UsageError(
            "--saturate needs --env with an environment for development",
            detail="It takes every connection that the pool may open.",
            hint="Mark it in the settings: development = true, and name it with --env.",
        )


def attach(
    call: Call,  # noqa: ARG001
    pid: Annotated[
        int | None,
        typer.Argument(metavar="PID", help="One process.", show_default=False),
    ] = None,
) -> "Report":
    """Show the pools inside this machine's applications, and the lines that hold connections.

    Reads the sockets that applications open where they have a probe:
    from dbtool.probe import install; install(engine). Connects to no database.
    """
    from dbtool.health.attach import attach as ask
    from dbtool.health.view_attach import attached_report

    return attached_report(ask(pid))
