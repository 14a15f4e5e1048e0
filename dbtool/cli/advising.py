"""`dbtool explain --advise`, `--set` and `--index`: what would make a statement cheaper."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.output import reserved
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbtool.cli.command import Call
    from dbtool.explain.advice.planner import Asked
    from dbtool.explain.advice.planners import Place
    from dbtool.explain.advice.result import Advice
    from dbtool.explain.examined import Examined, Explained
    from dbtool.explain.run import How
    from dbtool.report import Report

PANEL = "Indexes and settings to try"
LONGEST_NAME = 40
QUICK = 1000.0
"""Milliseconds up to which statements are run again, so that both sides find warm caches."""

Advise = Annotated[
    bool,
    typer.Option(
        "--advise",
        help="Propose indexes that a planner was shown; without a statement, for those that "
        "cost the database most.",
        rich_help_panel=PANEL,
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top",
        metavar="N",
        min=1,
        max=200,
        help="With --advise: how many statements of pg_stat_statements (10).",
        rich_help_panel=PANEL,
    ),
]
Revision = Annotated[
    bool,
    typer.Option(
        "--revision",
        help="With --advise: write a revision that creates the indexes concurrently.",
        rich_help_panel=PANEL,
    ),
]
Measure = Annotated[
    bool,
    typer.Option(
        "--measure",
        help="On a development server: build the indexes, run the statement, roll back.",
        rich_help_panel=PANEL,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Compare with the plan under another setting: work_mem=64MB; may be repeated.",
        rich_help_panel=PANEL,
    ),
]
Index = Annotated[
    list[str] | None,
    typer.Option(
        "--index",
        metavar="SQL",
        help="Compare with the plan with an index: a CREATE INDEX; may be repeated.",
        rich_help_panel=PANEL,
    ),
]


Settings = tuple[tuple[str, str], ...]
"""Names and values, as they are set for one statement."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options ask for; `bound` tells that the statement's values were parameters.

    `words` name the statement and its values again, where they can be spelled.
    """

    advise: bool = False
    top: int | None = None
    revision: bool = False
    measure: bool = False
    settings: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    bound: bool = False
    words: tuple[str, ...] = ()

    @property
    def tries(self) -> bool:
        """Whether something is to be changed for the statement."""
        return bool(self.settings or self.indexes)

    def of_statement(self, how: "How", words: tuple[str, ...]) -> "Wishes":
        """The same for a statement whose values may have been given apart from it."""
        bound = bool(how.parameters or how.bound or how.sample)
        return replace(self, bound=bound, words=words)

    def check(self, sources: "Mapping[str, object]", *, check: bool) -> None:
        """Refuse what does not go together."""
        if self.tries and self.advise:
            raise UsageError("--advise finds indexes, --set and --index try one: give either")
        for name, used in (("--top", self.top), ("--revision", self.revision)):
            if used and not self.advise:
                raise UsageError(f"{name} goes with --advise")
        if self.measure and not (self.advise or self.indexes):
            raise UsageError("--measure goes with --advise or --index")
        if self.top and any(sources.values()):
            raise UsageError("--top takes the statements from the server: name none")
        if (self.advise or self.tries) and (sources["--from-plan"] or check):
            other = "--check" if check else "--from-plan"
            raise UsageError(f"{other} goes with no --advise, --set or --index")


def check_all(
    call: "Call", wishes: Wishes, sources: "Mapping[str, object]", *, check: bool
) -> None:
    """Refuse what cannot be done before any work is done for it."""
    wishes.check(sources, check=check)
    if wishes.revision:
        from dbtool.cli.migrate import opened

        with reserved():
            opened(call, offline=True)


def workload(call: "Call", wishes: Wishes) -> "Report":
    """The advice for the statements that cost the database most."""
    from dbtool.cli.spelling import after_advice
    from dbtool.explain.advice import run, view
    from dbtool.explain.advice.planners import Place
    from dbtool.explain.advice.workload import Workload, costliest

    if wishes.measure:
        raise UsageError("--measure runs one statement: name it, or leave --measure out")
    place = Place(call.target, progress=call.progress)
    found = costliest(place, wishes.top or 10)
    advice = run.advise(place, found.asked)
    report = view.report(Workload(found.costly, found.left_out, advice))
    again = ["--top", str(wishes.top)] if wishes.top else []
    report = replace(report, next=after_advice(call, advice, again, spelled=True))
    return _with_revision(call, report, advice, wishes)


def added(
    call: "Call",
    report: "Report",
    explained: "Explained",
    wishes: Wishes,
    again: "Callable[[Settings], Explained]",
) -> "Report":
    """The report with what the options ask for; `again` explains under other settings."""
    if wishes.advise:
        return _advised(call, report, explained, wishes)
    return _tried(call, report, explained, wishes, again) if wishes.tries else report


def _advised(call: "Call", report: "Report", explained: "Explained", wishes: Wishes) -> "Report":
    """The report with indexes that would serve its statements."""
    from dbtool.cli.spelling import after_advice
    from dbtool.explain.advice import run, view

    place = _place(call, explained)
    advice = run.advise(place, _asked(explained, wishes), built=wishes.measure)
    below = (*report.below, *view.sections(advice))
    found = replace(
        report,
        data=replace(explained, advice=advice),
        findings=view.without_indexes(report.findings),
        below=below,
        notes=(*report.notes, *view.notes(advice)),
        next=after_advice(call, advice, wishes.words, spelled=bool(wishes.words)),
    )
    return _with_revision(call, found, advice, wishes)


def _tried(
    call: "Call",
    report: "Report",
    explained: "Explained",
    wishes: Wishes,
    again: "Callable[[Settings], Explained]",
) -> "Report":
    """The report with what settings or indexes would change."""
    from dbtool.explain import tuning, whatif

    settings = tuning.parse(wishes.settings)
    if settings:
        tuning.check(call.target, settings)
    if wishes.indexes:
        after, planner = _with_indexes(call, explained, wishes, settings)
    else:
        after, planner = again(settings).statements, ""
        if _quick(explained):
            # The first run filled caches for the second, which would be told as a gain.
            explained = again(())
    changed = (*(f"{name} = {value}" for name, value in settings), *wishes.indexes)
    found = whatif.compare(explained.statements, after, changed, planner)
    return replace(
        report,
        data=replace(explained, what_if=found),
        below=(*report.below, *whatif.sections(found)),
        notes=(*report.notes, *whatif.notes(found)),
    )


def _quick(explained: "Explained") -> bool:
    """Whether all statements were run, and may well be run once more."""
    times = [each.plan.execution_ms for each in explained.statements if each.times]
    whole = len(times) == len(explained.statements)
    return whole and sum(each or 0.0 for each in times) <= QUICK


def _with_indexes(
    call: "Call",
    explained: "Explained",
    wishes: Wishes,
    settings: Settings,
) -> "tuple[tuple[Examined, ...], str]":
    from dbtool.explain.advice import trial
    from dbtool.explain.examined import planned

    wanted = trial.Wishes(wishes.indexes, settings, wishes.measure)
    found = trial.try_indexes(_place(call, explained), _asked(explained, wishes), wanted)
    pairs = zip(explained.statements, found.plans, strict=True)
    return tuple(planned(each, plan) for each, plan in pairs), found.planner


def _place(call: "Call", explained: "Explained") -> "Place":
    from dbtool.explain.advice.planners import Place

    return Place(call.target, explained.standing, call.progress)


def _asked(explained: "Explained", wishes: Wishes) -> "tuple[Asked, ...]":
    """The statements as a planner is asked for them; to be measured, only what was run."""
    from dbtool.explain import parameters
    from dbtool.explain.advice.planner import Asked

    found = []
    for each in explained.statements:
        if wishes.measure and each.times is None:
            raise UsageError(
                "--measure runs the statement, and it was not run",
                detail=each.refused or "It was only planned.",
            )
        open_ones = len(parameters.number(each.sql).names) if each.values else 0
        words = " ".join(each.sql.split())
        name = words if len(words) <= LONGEST_NAME else f"{words[: LONGEST_NAME - 1]}…"
        place = f"line {each.line}: {name}" if len(explained.statements) > 1 else name
        found.append(Asked(each.sql, each.line, open_ones, name=place, bound=wishes.bound))
    return tuple(found)


def _with_revision(call: "Call", report: "Report", advice: "Advice", wishes: Wishes) -> "Report":
    """The report once the revision is written, where that was asked for."""
    if not wishes.revision:
        return report
    from dbtool.explain.advice.result import Proof

    proven = [each for each in advice.proposals if each.proof is not Proof.NONE]
    if not proven:
        why = "there is no index to create"
        if advice.proposals:
            why = "nobody's planner has seen the index; dbtool revision begins an empty one"
        return replace(report, notes=(*report.notes, f"no revision: {why}"))
    from dbtool.cli.migrate import opened
    from dbtool.migrate.handed import write

    names = ", ".join(each.name for each in proven)
    upgrade = [line for each in proven for line in each.upgrade]
    downgrade = [line for each in reversed(proven) for line in each.downgrade]
    with reserved():
        created = write(opened(call, offline=True), f"add {names}", upgrade, downgrade)
    said = f"written: {created.file}; put the lines of the models into the models too"
    return replace(report, notes=(*report.notes, said), next=("dbtool upgrade --dry-run",))
