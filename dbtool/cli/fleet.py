"""`dbtool upgrade` over many databases or schemas: its options, questions and output."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import Call
from dbtool.cli.output import Format
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.fleet.outcome import Outcome
    from dbtool.migrate.fleet.targets import Item
    from dbtool.migrate.project import Project
    from dbtool.report import Report

PANEL = "Fleet"
_LISTED = 5

TARGETS = typer.Option(
    "--targets",
    metavar="FILE",
    help="Upgrade every database the file names, one URL a line; - reads stdin.",
    rich_help_panel=PANEL,
)
QUERY = typer.Option(
    "--query",
    metavar="SQL",
    help="Upgrade every row of a query on the database named; its column is called url, "
    "database or schema.",
    rich_help_panel=PANEL,
)
SCHEMAS = typer.Option(
    "--schemas",
    metavar="PATTERN",
    help="Upgrade every schema of the database named that matches, as tenant_*; -x "
    "tenant={schema} or --search-path says how a schema reaches env.py.",
    rich_help_panel=PANEL,
)
SEARCH_PATH = typer.Option(
    "--search-path",
    metavar="NAMES",
    help="The search path of env.py's connections: {schema}, or {schema},public.",
    rich_help_panel=PANEL,
)
PARALLEL = typer.Option(
    "--parallel",
    metavar="N",
    min=1,
    max=64,
    help="So many at once, each with two connections.",
    rich_help_panel=PANEL,
)
KEEP_GOING = typer.Option(
    "--keep-going",
    help="Go on with the other targets after one failed.",
    rich_help_panel=PANEL,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which targets, and how many at a time."""

    targets: Path | None
    query: str | None
    schemas: str | None
    search_path: str | None
    parallel: int
    keep_going: bool

    @property
    def named(self) -> bool:
        """Whether a fleet is meant at all; raises UsageError where the wish contradicts itself."""
        ways = {"--targets": self.targets, "--query": self.query, "--schemas": self.schemas}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} name two fleets", hint="Give one of them.")
        if not given and (self.search_path is not None or self.keep_going or self.parallel > 1):
            raise UsageError(
                "--search-path, --parallel and --keep-going are for a fleet",
                hint="Name it with --targets, --query or --schemas.",
            )
        return bool(given)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to each target."""

    revision: str
    tag: str | None
    plan_only: bool
    yes: bool


def upgrade_fleet(call: Call, project: "Project", wish: Wish, order: Order) -> "Report":
    """Upgrade every target; raises OperationError after the last where one failed."""
    from dbtool.migrate.fleet import view, way
    from dbtool.migrate.fleet.run import run
    from dbtool.migrate.fleet.worker import Job

    items = _items(call, wish)
    way.check(project, items, wish.search_path)
    if not (order.plan_only or order.yes):
        _ask(call, items)
    call.runs_long()

    def told(outcome: "Outcome") -> None:
        if call.options.wanted is Format.JSON:
            call.emit(view.one(outcome, call.command))

    job = Job(_portable(project), order.revision, order.tag, wish.search_path, order.plan_only)
    fleet = run(
        job,
        items,
        parallel=wish.parallel,
        keep_going=wish.keep_going,
        progress=call.progress,
        told=told,
    )
    report = view.summary(fleet, call.command)
    if fleet.failed:
        call.progress.close()
        call.emit(report)
        raise view.failed(fleet)
    return report


def _items(call: Call, wish: Wish) -> "tuple[Item, ...]":
    from dbtool.database.url import parse
    from dbtool.migrate.fleet import targets

    if wish.targets is not None:
        return targets.from_file(wish.targets, _lines(wish.targets), parse)
    if wish.query is not None:
        return targets.from_query(call.target, wish.query, parse)
    return targets.from_schemas(call.target, wish.schemas or "")


def _lines(path: Path) -> list[str]:
    if str(path) == "-":
        return sys.stdin.readlines()
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "It is not UTF-8 text"
        raise UsageError(f'cannot read "{path}"', detail=f"{reason}.") from error


def _ask(call: Call, items: "tuple[Item, ...]") -> None:
    from dbtool import guard
    from dbtool.report import counted

    def is_development(item: "Item") -> bool:
        marked = guard.environment_of(call.settings, item.target)
        return guard.expect(item.target, marked).standing is guard.Standing.DEVELOPMENT

    if all(map(is_development, items)):
        return
    for each in items[:_LISTED]:
        call.progress.step(f"  {each.shown}")
    if len(items) > _LISTED:
        call.progress.step(f"  and {len(items) - _LISTED:,} more")
    if not call.ask.confirm(f"Upgrade {counted(len(items), 'target')}?"):
        raise UsageError("not confirmed; nothing was done")


def _portable(project: "Project") -> "Project":
    """The project without the settings: the question they decide has been answered."""
    from dbtool.guard import unmarked

    return replace(project, marked=unmarked)
