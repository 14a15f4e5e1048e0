"""`dbtool seed`: fill a migrated database with rows made from the models."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.help import HelpGroup
from dbtool.cli.options import DATABASE
from dbtool.cli.tables import complete_tables

if TYPE_CHECKING:
    from dbtool.metadata import Models
    from dbtool.report import Report
    from dbtool.seed.plan import Request

PANEL = "Data"
GROUP_PANEL = "Commands"
ROWS_PANEL = "Rows"

Rows = Annotated[
    int,
    typer.Option(
        "--rows",
        metavar="N",
        min=1,
        help="Rows of each table that depends on no other; the rest follow from their parents.",
        rich_help_panel=ROWS_PANEL,
    ),
]
Scale = Annotated[
    float,
    typer.Option(
        "--scale", metavar="X", min=0.0, help="Multiply --rows.", rich_help_panel=ROWS_PANEL
    ),
]
RandomSeed = Annotated[
    int,
    typer.Option(
        "--random-seed",
        metavar="S",
        help="Another number, other rows; the same number, the same rows.",
        rich_help_panel=ROWS_PANEL,
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--tables",
        metavar="NAMES",
        autocompletion=complete_tables,
        help="Fill these tables only (commas between them); may be repeated.",
        rich_help_panel=ROWS_PANEL,
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        formats=["%Y-%m-%d"],
        help="The day the rows end at: nothing in them is later.",
        show_default="2026-11-01",
        rich_help_panel=ROWS_PANEL,
    ),
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Run without asking where a yes is enough.")]
ConfirmDatabase = Annotated[
    str | None,
    typer.Option(
        "--confirm-database",
        metavar="NAME",
        help="Run on a database that is not known to be for development.",
    ),
]


class RunByDefault(HelpGroup):
    """A group whose `run` may be left out: `dbtool seed --rows 10`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` first where no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return list(super().parse_args(ctx, args))


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        cls=RunByDefault,
        help="Fill a migrated database with rows made from your models.\n\n"
        "Without a command: dbtool seed run. The same options give the same rows on every "
        "machine; all of them are loaded in one transaction, or none.",
        rich_markup_mode=None,
    )
    command(group, GROUP_PANEL, DATABASE)(run)
    command(group, GROUP_PANEL, DATABASE)(plan)
    app.add_typer(group, name="seed", rich_help_panel=PANEL)


def run(
    call: Call,
    rows: Rows = 1000,
    scale: Scale = 1.0,
    random_seed: RandomSeed = 1,
    tables: Tables = None,
    as_of: AsOf = None,
    truncate: Annotated[
        bool,
        typer.Option(
            "--truncate",
            help="Empty the tables, and those that refer to them, first; names the rows lost.",
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
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Load a sample in a real transaction and roll it back."),
    ] = False,
    yes: Yes = False,
    confirm_database: ConfirmDatabase = None,
) -> "Report":
    """Load rows into every table of the models, parents first.

    Runs on empty tables of a development database, asks where there are rows already, and
    refuses any database that is not known to be for development. Everything is one
    transaction: an interrupt or error leaves the database as it was.
    """
    from dbtool.seed import view
    from dbtool.seed.load import Mode
    from dbtool.seed.run import Loading, seed

    call.runs_long()
    target, models = call.target, _models(call)
    request = _request(rows, scale, random_seed, tables, as_of)
    allowed = call.permission(yes, confirm_database)
    mode = None if bulk is None else Mode.BULK if bulk else Mode.ONLINE
    done = seed(target, models, request, allowed, call.progress, Loading(mode, truncate, dry_run))
    return view.seeded(done, call.command)


def plan(
    call: Call,
    rows: Rows = 1000,
    scale: Scale = 1.0,
    random_seed: RandomSeed = 1,
    tables: Tables = None,
    as_of: AsOf = None,
) -> "Report":
    """Show what would be loaded: for each column the generator, and what it was chosen by.

    "from" says what decided: a CHECK or UNIQUE constraint, a foreign key, the enum, the
    column's name or only its type. "sure" is a guess where the type was all there was.
    """
    from dbtool.seed import run as family
    from dbtool.seed import view

    request = _request(rows, scale, random_seed, tables, as_of)
    made = family.plan(call.target, _models(call), request)
    return view.plan(made, call.command)


def _models(call: Call) -> "Models":
    from dbtool.metadata import load

    settings = call.settings
    return load(settings.models, settings.root, settings.alembic_config)


def _request(
    rows: int, scale: float, random_seed: int, tables: list[str] | None, as_of: datetime | None
) -> "Request":
    from dbtool.seed.plan import AS_OF, Request

    names = [name.strip() for each in tables or () for name in each.split(",")]
    return Request(
        rows=rows,
        scale=scale,
        random_seed=random_seed,
        tables=tuple(name for name in names if name),
        as_of=as_of.date() if as_of else AS_OF,
    )
