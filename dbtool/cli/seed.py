"""`dbtool seed`: fill a migrated database with rows made from the models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.help import HelpGroup
from dbtool.cli.options import DATABASE, JUDGED, PATIENT
from dbtool.cli.seed_files import reference, schema
from dbtool.cli.seed_options import (
    AsOf,
    ConfirmDatabase,
    Locale,
    RandomSeed,
    Rows,
    Scale,
    Scenario,
    Tables,
    Yes,
    given,
    leading_on,
    models_of,
    names_of,
    scenes_of,
    words,
)
from dbtool.errors import DbtoolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbtool.report import Report
    from dbtool.seed.run import Loading
PANEL = "Data"
GROUP_PANEL = "Commands"


class RunByDefault(HelpGroup):
    """A group whose `run` may be left out: `dbtool seed --rows 10`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` first where no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return list(super().parse_args(ctx, args))

    def meant_by(self, word: str) -> list[str]:
        """The runs of scenarios that a word may stand for where it is no command."""
        from shlex import quote

        from dbtool.cli.tables import complete_scenarios
        from dbtool.cli.usage import near

        try:
            names = complete_scenarios("")
        except (DbtoolError, OSError):  # the settings do not lead to a directory of seeds
            return []
        found = [word] if word in names else near(word, names)
        return [f"dbtool seed run {quote(each)}" for each in found]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        cls=RunByDefault,
        help="Fill a migrated database with rows made from your models.\n\n"
        "Without a command: dbtool seed run. The same options give the same rows on every "
        "machine; without --jobs all of them are loaded in one transaction, or none.",
        rich_markup_mode=None,
    )
    command(group, GROUP_PANEL, DATABASE, PATIENT)(run)
    command(group, GROUP_PANEL, DATABASE)(plan)
    command(group, GROUP_PANEL, DATABASE, JUDGED)(verify)
    command(group, GROUP_PANEL, DATABASE)(reference)
    command(group, GROUP_PANEL, DATABASE)(export)
    command(group, GROUP_PANEL, DATABASE)(reset)
    command(group, GROUP_PANEL)(schema)
    app.add_typer(group, name="seed", rich_help_panel=PANEL)


def run(
    call: Call,
    scenario: Scenario = None,
    rows: Rows = None,
    scale: Scale = 1.0,
    random_seed: RandomSeed = None,
    tables: Tables = None,
    as_of: AsOf = None,
    locale: Locale = None,
    truncate: Annotated[
        bool,
        typer.Option(
            "--truncate",
            help="Empty the tables, and those that refer to them, first; names the rows lost.",
        ),
    ] = False,
    top_up: Annotated[
        bool,
        typer.Option(
            "--top-up",
            help="Fill only what is missing: empty tables, and those with too few rows.",
        ),
    ] = False,
    bulk: Annotated[
        bool | None,
        typer.Option(
            "--bulk/--online",
            help="Set foreign keys and indexes aside and build them again, or leave them in "
            "place.  [default: bulk for many rows in empty tables nobody else uses]",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=64,
            help="Load with up to N connections, constraints in place; committed part by part.",
        ),
    ] = 1,
    go_on: Annotated[
        bool, typer.Option("--resume", help="Load the rest of an interrupted run with --jobs.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Load a sample in a real transaction and roll it back."),
    ] = False,
    yes: Yes = False,
    confirm_database: ConfirmDatabase = None,
) -> "Report":
    """Load rows into every table of the models, parents first.

    Runs on empty tables of a development database, asks where there are rows already, and
    refuses any database that is not known to be for development. Without --jobs everything is
    one transaction: an interrupt or error leaves the database as it was, but for the rows of
    seeds/reference, which are brought in before, in a transaction of their own.
    """
    from dbtool.seed import view
    from dbtool.seed.load import Mode
    from dbtool.seed.run import Loading, seed

    call.runs_long()
    target, models, scenes = call.target, models_of(call), scenes_of(call)
    asked = given(rows, scale, random_seed, tables, as_of, locale)
    request = scenes.request(scenario, asked)
    allowed = call.permission(yes, confirm_database)
    mode = None if bulk is None else Mode.BULK if bulk else Mode.ONLINE
    state = call.settings.root / ".dbtool"
    loading = Loading(mode, truncate, dry_run, jobs, go_on, state, top_up, _patience(call, go_on))
    loading.check(request)
    kept = scenes.kept(target, allowed, call.progress, dry_run=dry_run)
    request = scenes.request(scenario, asked, kept)
    done = seed(target, models, request, allowed, call.progress, loading)
    said = (*words(scenario, asked), *(_how(loading, bulk) if dry_run else ()))
    return leading_on(call, view.seeded(done, call.command), said)


def _patience(call: Call, go_on: bool) -> float:
    """How long an interrupted run may take to end: as the option says, else a short time."""
    chosen = call.options.wait_lock
    if chosen is None:
        return min(10.0, float(call.settings.keys.wait_lock))
    if not go_on:
        raise UsageError(
            "--wait-lock is for --resume", detail="No other run of seeds waits for another one."
        )
    return chosen


def _how(loading: "Loading", bulk: bool | None) -> "Iterator[str]":
    """How the rows were to be loaded, as it is typed."""
    if loading.truncate:
        yield "--truncate"
    if loading.top_up:
        yield "--top-up"
    if bulk is not None:
        yield "--bulk" if bulk else "--online"
    if loading.jobs > 1:
        yield from ("--jobs", str(loading.jobs))


def plan(
    call: Call,
    scenario: Scenario = None,
    rows: Rows = None,
    scale: Scale = 1.0,
    random_seed: RandomSeed = None,
    tables: Tables = None,
    as_of: AsOf = None,
    locale: Locale = None,
) -> "Report":
    """Show what would be loaded: for each column the generator, and what it was chosen by.

    "from" says what decided: a CHECK or UNIQUE constraint, a foreign key, the enum, the
    column's name or only its type. "sure" is a guess where the type was all there was.
    """
    from dbtool.seed import run as family
    from dbtool.seed import view

    asked = given(rows, scale, random_seed, tables, as_of, locale)
    request = scenes_of(call).planned(scenario, asked)
    made = family.plan(call.target, models_of(call), request)
    return leading_on(call, view.plan(made, call.command), words(scenario, asked))


def verify(
    call: Call,
    scenario: Scenario = None,
    rows: Rows = None,
    scale: Scale = 1.0,
    random_seed: RandomSeed = None,
    tables: Tables = None,
    as_of: AsOf = None,
    locale: Locale = None,
) -> "Report":
    """Check what is there: rows against the plan, every constraint again, every mapped class.

    The plan is that of the options given here: give those of the run, as its last line does.
    Counts rows that break a CHECK, a UNIQUE or a FOREIGN KEY constraint, and loads objects of
    each class of the models through the ORM, as the application does. Writes nothing.
    """
    from dbtool.seed import verified
    from dbtool.seed import verify as family

    request = scenes_of(call).planned(
        scenario, given(rows, scale, random_seed, tables, as_of, locale)
    )
    done = family.verify(call.target, models_of(call), request, call.progress)
    return verified.verified(done, call.command)


def reset(
    call: Call,
    tables: Tables = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only name the rows that would be lost.")
    ] = False,
    yes: Yes = False,
    confirm_database: ConfirmDatabase = None,
) -> "Report":
    """Empty the tables of the models, and start their sequences anew.

    Names the rows that will be lost and asks; tables whose rows refer to an emptied table are
    emptied with it. Refuses any database that is not known to be for development.
    """
    from dbtool.seed import view
    from dbtool.seed.plan import Request
    from dbtool.seed.reset import reset as empty

    target, models = call.target, models_of(call)
    request, allowed = Request(tables=names_of(tables)), call.permission(yes, confirm_database)
    done = empty(target, models, request, allowed, call.progress, dry_run=dry_run)
    said = ("--tables", ",".join(request.tables)) if request.tables else ()
    return leading_on(call, view.emptied(done, call.command), said)


def export(
    call: Call,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="New, empty, or with an earlier export in it.")
    ],
    scenario: Scenario = None,
    rows: Rows = None,
    scale: Scale = 1.0,
    random_seed: RandomSeed = None,
    tables: Tables = None,
    as_of: AsOf = None,
    locale: Locale = None,
) -> "Report":
    """Write the rows as files, with a psql script that loads them and a manifest.

    They are the rows that a run loads into empty tables like those of the database; nothing
    is written to that. Load them with: psql -X -f load.sql
    """
    from dbtool.seed import view
    from dbtool.seed.export import export as write

    call.runs_long()
    asked = given(rows, scale, random_seed, tables, as_of, locale)
    request = scenes_of(call).planned(scenario, asked)
    done = write(call.target, models_of(call), request, directory, call.progress)
    return view.exported(done, call.command)
