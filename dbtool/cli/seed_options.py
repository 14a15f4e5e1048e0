"""The options the commands of `dbtool seed` share, and what they say together."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call
from dbtool.cli.place import led
from dbtool.cli.tables import complete_scenarios, complete_tables
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.metadata import Models
    from dbtool.report import Report
    from dbtool.seed.scenes import Given, Scenes

ROWS_PANEL = "Rows"

Scenario = Annotated[
    str | None,
    typer.Argument(
        metavar="SCENARIO",
        autocompletion=complete_scenarios,
        help="A file of seeds/scenarios, by its name.  [default: default, where there is one]",
        show_default=False,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        metavar="N",
        min=1,
        help="Rows of each table that depends on no other; the rest follow from their parents.",
        show_default="1000",
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
    int | None,
    typer.Option(
        "--random-seed",
        metavar="S",
        help="Another number, other rows; the same number, the same rows.",
        show_default="1",
        rich_help_panel=ROWS_PANEL,
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--tables",
        metavar="NAMES",
        autocompletion=complete_tables,
        help="These tables only (commas between them); those they refer to stay as they are.",
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
Locale = Annotated[
    str | None,
    typer.Option(
        "--locale",
        metavar="NAME",
        help="Names, places and firms of a locale such as de_DE, from Faker or mimesis where "
        "one is installed.",
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


def models_of(call: Call) -> "Models":
    """The models of the project."""
    from dbtool.metadata import load

    settings = call.settings
    return load(settings.models, settings.root, settings.alembic_config)


def scenes_of(call: Call) -> "Scenes":
    """The seed files of the project."""
    from dbtool.seed.files import Seeds
    from dbtool.seed.scenes import Scenes

    settings = call.settings
    return Scenes(Seeds(settings.root, settings.seeds), models_of(call))


def given(
    rows: int | None,
    scale: float,
    random_seed: int | None,
    tables: list[str] | None,
    as_of: datetime | None,
    locale: str | None,
) -> "Given":
    """What the options ask for."""
    from dbtool.seed.scenes import Given

    if not isfinite(scale):
        raise UsageError("--scale is a number to multiply by")
    day = as_of.date() if as_of else None
    return Given(rows, scale, random_seed, day, names_of(tables), locale=locale)


def words(scenario: str | None, asked: "Given") -> Iterator[str]:
    """What was asked for, as it is typed."""
    if scenario:
        yield scenario
    said = {
        "--rows": asked.rows,
        "--scale": asked.scale if asked.scale != 1 else None,
        "--random-seed": asked.random_seed,
        "--tables": ",".join(asked.tables) or None,
        "--as-of": asked.as_of,
        "--locale": asked.locale,
    }
    for flag, value in said.items():
        if value is not None:
            yield from (flag, str(value))


def leading_on(call: Call, report: "Report", said: Iterable[str]) -> "Report":
    """The report whose next command is about the same rows of the same database."""
    from dataclasses import replace
    from shlex import join

    if not report.next:
        return report
    return led(call, replace(report, next=(join([*report.next[0].split(), *said]),)))


def names_of(tables: list[str] | None) -> tuple[str, ...]:
    """The names in what was given once or more, with commas between them.

    An empty text, as an unset variable leaves it, is no wish for all tables.
    """
    found = [name.strip() for each in tables or () for name in each.split(",")]
    names = tuple(name for name in found if name)
    if tables and not names:
        raise UsageError(
            "--tables names no table",
            detail="Nothing was done.",
            hint="Without --tables all tables are meant.",
        )
    return names
