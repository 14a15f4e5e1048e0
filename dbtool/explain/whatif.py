"""A statement before and after something is changed for it: settings, or indexes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.explain import baseline
from dbtool.explain.baseline import Kept, KeptNode
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.marks import Marks
from dbtool.explain.matching import match, told_once
from dbtool.explain.rows import estimate_table, plan_table
from dbtool.explain.rules import jit_overhead
from dbtool.explain.wording import count, duration
from dbtool.report import Column, Section, Table, Text, percent

_NOTHING = "the plan stays the same"
SMALLEST = 0.01
"""The share by which a figure has to differ to be called another."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One statement before and after: figures that were not measured are None."""

    line: int
    cost: tuple[float, float]
    ms: tuple[float | None, float | None]
    blocks: tuple[float | None, float | None]
    temporary: tuple[float | None, float | None]
    changes: tuple[str, ...]
    after: Examined


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What was changed, who planned it, and what came of it."""

    changed: tuple[str, ...]
    planner: str
    outcomes: tuple[Outcome, ...]


def compare(
    before: tuple[Examined, ...],
    after: tuple[Examined, ...],
    changed: tuple[str, ...],
    planner: str = "",
) -> WhatIf:
    """Put the statements of both side by side."""
    pairs = zip(before, after, strict=True)
    return WhatIf(changed, planner, tuple(_outcome(old, new) for old, new in pairs))


def _outcome(old: Examined, new: Examined) -> Outcome:
    first, second = (baseline.keep(Explained((each,))).statements[0] for each in (old, new))
    ran = second.measured
    return Outcome(
        line=old.line,
        cost=(first.cost, second.cost),
        ms=(first.ms, second.ms) if ran else (None, None),
        blocks=(first.blocks, second.blocks) if ran else (None, None),
        temporary=(first.written, second.written) if ran else (None, None),
        changes=tuple(_changes(first, second)),
        after=new,
    )


def _changes(before: Kept, after: Kept) -> Iterator[str]:
    """Nodes that became others, came or went, the outermost first."""
    for old, new in match(before.nodes, after.nodes):
        if old is None and new is not None:
            yield f"+ {new.title}"
        elif new is None and old is not None:
            yield f"- {old.title}"
        elif old is not None and new is not None and _named(old) != _named(new):
            yield f"{old.title} → {new.title}"


def _named(node: KeptNode) -> str:
    return node.title


def sections(found: WhatIf) -> Iterator[Section]:
    """A table of figures for each statement, what changed in the plan, and the new plan."""
    several = len(found.outcomes) > 1
    said = f"with {', '.join(found.changed)}"
    for outcome in found.outcomes:
        place = f"line {outcome.line} " if several else ""
        rows = tuple(_rows(outcome))
        columns = (Column(""), *(Column(each, "right") for each in ("before", "after", "change")))
        yield Table(columns, rows, title=f"{place}{said}")
        lines = list(told_once(outcome.changes)) or [_NOTHING]
        yield Text("\n".join(lines))
        if outcome.changes:
            after = outcome.after
            if after.times is None:
                yield estimate_table(after.plan, "the plan then")
            else:
                yield plan_table(after.plan, after.times, Marks(), "the plan then")


def notes(found: WhatIf) -> tuple[str, ...]:
    """Who planned it, where that was not this server as it is, and what compiling took then."""
    planner = (f"planned {found.planner}",) if found.planner else ()
    return (*planner, *dict.fromkeys(_compiled(found.outcomes)))


def _compiled(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Before 18 what is switched off has a cost that sets the server to compile at its utmost."""
    for outcome in outcomes:
        for finding in outcome.after.findings:
            if finding.rule == jit_overhead.NAME:
                yield f"{finding.title} then: with --set jit=off as well the plan shows by itself"


def _rows(outcome: Outcome) -> Iterator[tuple[str, str, str, str]]:
    figures = (
        ("cost", outcome.cost, count),
        ("time", outcome.ms, duration),
        ("blocks", outcome.blocks, count),
        ("temporary blocks", outcome.temporary, count),
    )
    for name, (old, new), written in figures:
        if old is not None and new is not None and (old or new or name == "cost"):
            by_chance = name == "time" and not outcome.changes and new <= 2 * old <= 4 * new
            yield name, written(old), written(new), "" if by_chance else _change(old, new)


def _change(old: float, new: float) -> str:
    if abs(new - old) <= SMALLEST * max(old, new):
        return "the same"
    if not old or not new:
        return "more" if new > old else "less"
    if new > 2 * old:
        return f"{new / old:,.1f} times"
    return f"{percent(abs(new - old) / old)} {'more' if new > old else 'less'}"
