"""`dbtool upgrade` and `downgrade` over many databases or schemas: options, questions, output."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import Call
from dbtool.cli.output import Format
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.cli.fleet_plan import FleetPlan
    from dbtool.migrate.fleet.outcome import Fleet, Outcome, Verb
    from dbtool.migrate.fleet.run import Told
    from dbtool.migrate.fleet.targets import Item
    from dbtool.migrate.project import Project
    from dbtool.report import Report

PANEL = "Fleet"

TARGETS = typer.Option(
    "--targets",
    metavar="FILE",
    help="Every database the file names, one URL a line; - reads stdin.",
    rich_help_panel=PANEL,
)
QUERY = typer.Option(
    "--query",
    metavar="SQL",
    help="Every row of a query on the database named; its column is called url, "
    "database or schema.",
    rich_help_panel=PANEL,
)
SCHEMAS = typer.Option(
    "--schemas",
    metavar="PATTERN",
    help="Every schema of the database named that matches, as tenant_*; -x "
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
    show_sql: bool
    yes: bool
    verb: "Verb" = "upgrade"
    confirm_database: str | None = None


def upgrade_fleet(call: Call, project: "Project", wish: Wish, order: Order) -> "Report":
    """Upgrade every target; raises OperationError after the last where one failed."""
    from dbtool.cli import pending
    from dbtool.migrate.fleet import view, way

    refuse_steps(order)
    items = items_of(call, wish)
    way.check(project, items, wish.search_path)
    call.runs_long()
    every = Every(call, project, wish, order)
    if order.plan_only:
        return every.planned(every.look(items, every.told))
    if pending.has_limit(call) or (not order.yes and not are_development(call, items)):
        return every.upgrade_agreed(items)
    fleet = every.upgrade(items)
    return every.ended(fleet, view.summary(fleet, call.command))


@dataclass(frozen=True, slots=True)
class Every:
    """What is done with every target."""

    call: Call
    project: "Project"
    wish: Wish
    order: Order

    def look(self, items: "tuple[Item, ...]", told: "Told") -> "Fleet":
        """See what is pending; nothing is changed."""
        return self._run(items, told, plan_only=True)

    def upgrade(self, items: "tuple[Item, ...]") -> "Fleet":
        """Do it."""
        return self._run(items, self.told, plan_only=False)

    def planned(self, fleet: "Fleet") -> "Report":
        """What is pending, and what was found in it."""
        from dbtool.cli import fleet_plan

        plan = fleet_plan.judged(self.call, fleet)
        return self.ended(fleet, fleet_plan.report(self.call, plan, show_sql=self.order.show_sql))

    def upgrade_agreed(self, items: "tuple[Item, ...]") -> "Report":
        """Look at all targets first: somebody has to agree, or findings may stop the upgrade."""
        from dbtool.cli import fleet_plan, pending

        call, looked = self.call, self.look(items, lambda _: None)
        plan = fleet_plan.judged(call, looked)
        told = fleet_plan.report(call, plan)
        stopped = pending.stopping(call, told) if pending.has_limit(call) else None
        if stopped or not looked.changed or (looked.failed and not self.wish.keep_going):
            self.tell_all(looked.outcomes)
            return self.ended(looked, stopped or told)
        if not self.order.yes and not are_development(call, items):
            _ask(call, plan)
        return self.agreed(items, looked)

    def agreed(self, items: "tuple[Item, ...]", looked: "Fleet") -> "Report":
        """Do it where looking did not fail."""
        from dbtool.migrate.fleet import view

        self.tell_all(looked.failed)
        seen = {(each.target, each.schema): each for each in looked.outcomes if not each.error}
        left = (
            replace(item, agreed=found.asked, losing=found.losing)
            for item in items
            if (found := seen.get((item.target.shown, item.schema))) is not None
        )
        fleet = self.upgrade(tuple(left))
        fleet = replace(fleet, outcomes=(*looked.failed, *fleet.outcomes))
        return self.ended(fleet, view.summary(fleet, self.call.command))

    def ended(self, fleet: "Fleet", report: "Report") -> "Report":
        """The report, shown before the error where a target failed."""
        from dbtool.migrate.fleet import view

        if fleet.failed:
            self.call.progress.close()
            self.call.emit(report)
            raise view.failed(fleet)
        return report

    def told(self, outcome: "Outcome") -> None:
        """A line of JSON for a target that has ended."""
        from dbtool.migrate.fleet import view

        if self.call.options.wanted is Format.JSON:
            self.call.emit(view.one(outcome, self.call.command))

    def tell_all(self, outcomes: "tuple[Outcome, ...]") -> None:
        """The lines of targets that were only looked at."""
        for each in outcomes:
            self.told(each)

    def _run(self, items: "tuple[Item, ...]", told: "Told", *, plan_only: bool) -> "Fleet":
        from dbtool.migrate.fleet.run import run
        from dbtool.migrate.fleet.worker import Job

        order, wish = self.order, self.wish
        return run(
            Job(
                _portable(self.project),
                order.revision,
                order.tag,
                wish.search_path,
                plan_only,
                order.verb,
            ),
            items,
            parallel=wish.parallel,
            keep_going=wish.keep_going,
            progress=self.call.progress,
            told=told,
        )


def refuse_steps(order: Order) -> None:
    """Run again after a failure they would lead those further that are done."""
    from dbtool.migrate.ranges import in_steps

    if in_steps(order.revision):
        way = "back to" if order.verb == "downgrade" else "to"
        raise UsageError(
            f"{order.revision} is no place for a fleet to go {way}",
            detail="Run again after one target failed, it would lead those further that are done.",
            hint="Name the revision at which all of them shall stand.",
        )


def items_of(call: Call, wish: Wish) -> "tuple[Item, ...]":
    """The targets a wish names."""
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


def are_development(call: Call, items: "tuple[Item, ...]") -> bool:
    """Whether every target is known to be for development."""
    from dbtool import guard

    def is_development(item: "Item") -> bool:
        marked = guard.environment_of(call.settings, item.target)
        return guard.expect(item.target, marked).standing is guard.Standing.DEVELOPMENT

    return all(map(is_development, items))


def _ask(call: Call, plan: "FleetPlan") -> None:
    from dbtool.cli import fleet_plan
    from dbtool.report import counted

    for line in fleet_plan.lines(plan):
        call.progress.step(line)
    if not call.ask.confirm(f"Upgrade {counted(len(plan.fleet.changed), 'target')}?"):
        raise UsageError("not confirmed; nothing was done")


def _portable(project: "Project") -> "Project":
    """The project without the settings: the question they decide has been answered."""
    from dbtool.guard import unmarked

    return replace(project, marked=unmarked)
