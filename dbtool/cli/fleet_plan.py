"""What is pending in a fleet, in how many of its targets, and what lint finds in it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtool.cli import pending
from dbtool.cli.command import Call
from dbtool.finding import Finding, Unknown
from dbtool.report import Column, Report, Section, Table

if TYPE_CHECKING:
    from dbtool.lint.glance import Glance
    from dbtool.migrate.fleet.outcome import Fleet

_LISTED = 5


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The targets of a fleet as they were found, and what lint says of all they have pending.

    Targets that have the same revisions pending are judged once, for tables of any size:
    `judged` has one entry for each such group, `targets` says how many need a revision.
    """

    fleet: "Fleet"
    judged: tuple[pending.Pending, ...]
    targets: Counter[str]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, each once."""
        from dbtool.lint.view import worst_first

        found = (each for one in self.judged if one.linted for each in one.linted.findings)
        unique = {(each.rule, str(each.location), each.title): each for each in found}
        return worst_first(tuple(unique.values()))

    @property
    def unknowns(self) -> tuple[Unknown, ...]:
        """What could not be decided, each once."""
        return tuple(dict.fromkeys(each for one in self.judged for each in one.unknowns))

    @property
    def verdict(self) -> str:
        """What was found, in a few words."""
        from dbtool.lint.view import verdict

        return f"lint: {verdict(self.findings, self.unknowns)}"


def judged(call: Call, fleet: "Fleet") -> FleetPlan:
    """Judge what is pending; a revision is judged in each state some target has it pending in.

    What creates a table is pending with what alters it in a new target, and not in an old one.
    """
    longest_first = sorted(fleet.changed, key=lambda each: -len(each.revisions))
    ways = dict.fromkeys(each.revisions for each in longest_first)
    targets = Counter(name for each in longest_first for name in each.revisions)
    return FleetPlan(fleet, tuple(pending.judged(call, each) for each in ways), targets)


def report(call: Call, plan: FleetPlan, *, show_sql: bool = False) -> Report:
    """What would run, where, and what was found in it."""
    from dbtool.migrate.fleet import view

    told = view.summary(plan.fleet, call.command)
    if not plan.targets:
        return told
    notes = (note for each in plan.judged for note in each.notes)
    return replace(
        told,
        headline=f"{told.headline}; {plan.verdict}",
        sections=(_pending(plan), *told.sections, *(_statements(plan) if show_sql else ())),
        findings=plan.findings,
        unknowns=plan.unknowns,
        notes=(*told.notes, *dict.fromkeys(notes)),
        judged=True,
    )


def lines(plan: FleetPlan) -> Iterator[str]:
    """Who would be upgraded, and what was found, above the question whether to do it."""
    from dbtool.migrate.fleet import view

    changed = plan.fleet.changed
    yield from (f"  {view.line(each)}" for each in changed[:_LISTED])
    if len(changed) > _LISTED:
        yield f"  and {len(changed) - _LISTED:,} more"
    yield from pending.told(plan.findings, plan.unknowns)


def _pending(plan: FleetPlan) -> Table:
    glances = _glances(plan)
    columns = (
        Column("revision"),
        Column("targets", align="right"),
        Column("statements", align="right"),
        Column("commit", optional=1),
        Column("drops", shrink=True, least=12),
    )
    rows = tuple(
        (name, f"{number:,}", *pending.cells(glances.get(name)))
        for name, number in plan.targets.items()
    )
    return Table(columns, rows, title="pending")


def _glances(plan: FleetPlan) -> "dict[str, Glance]":
    return {name: each for one in plan.judged for name, each in one.glances.items()}


def _statements(plan: FleetPlan) -> Iterator[Section]:
    """The SQL of each revision, as the first group has it."""
    for name in plan.targets:
        having = (one for one in plan.judged if name in one.glances)
        yield from pending.statements((name,), next(having, pending.Pending()))
