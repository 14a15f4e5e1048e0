"""Turn compared plans into a report: what got worse, and the two shapes side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff

from dbtool.explain.baseline import Kept, KeptNode
from dbtool.explain.change import Change, factor
from dbtool.explain.checking import Checked
from dbtool.explain.matching import Pair
from dbtool.explain.wording import milliseconds, short_count
from dbtool.finding import Finding, Severity
from dbtool.report import Cell, Column, Diff, Report, Section, Styled, Table, counted

_CONTEXT = 2
MOST_NODES = 20
"""Nodes shown of one comparison; those whose blocks moved most."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Explained statements, and what changed since other plans of them."""

    explained: object
    changes: tuple[Change, ...]


def with_changes(report: Report, changes: tuple[Change, ...]) -> Report:
    """The report of plans, with what changed since they were kept in front of their findings."""
    told = tuple(finding for change in changes for finding in change.findings)
    sections = tuple(section for each in changes for section in _sections(each, ""))
    return replace(
        report,
        data=Compared(report.data, changes),
        headline=f"{_verdict(changes)}; {report.headline}",
        findings=(*report.findings, *told),
        below=(*report.below, *sections),
        notes=(*report.notes, *_edited(changes)),
        judged=True,
    )


def _edited(changes: tuple[Change, ...]) -> Iterator[str]:
    if any(each.edited for each in changes):
        yield "the plan that was kept is of another statement"


def check_report(checked: Checked) -> Report:
    """What became of all plans that were kept in a directory."""
    changes = checked.changes
    return Report(
        command="explain",
        data=checked,
        headline=_headline(checked),
        sections=tuple(_of_directory(changes)),
        findings=tuple(finding for change in changes for finding in change.findings),
        unknowns=(*(each for change in changes for each in change.unknowns), *checked.unknowns),
        notes=checked.notes,
        judged=True,
    )


def _headline(checked: Checked) -> str:
    plans = counted(len(checked.changes), "plan")
    if checked.accepted:
        return f"kept what {counted(len(checked.accepted), 'file')} of statements plan now"
    return f"{plans} compared with those kept in {checked.directory}: {_verdict(checked.changes)}"


def _verdict(changes: Iterable[Change]) -> str:
    worse = [each for each in changes if worst(each.findings) is Severity.ERROR]
    if worse:
        return f"{counted(len(worse), 'statement')} got worse"
    other = [each for each in changes if each.reshaped]
    return f"{counted(len(other), 'plan')} changed, none for the worse" if other else "no change"


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The severity of the worst finding."""
    return max((each.severity for each in findings), default=None)


def _of_directory(changes: tuple[Change, ...]) -> Iterator[Section]:
    if changes:
        yield Table(
            columns=(
                Column("statement", shrink=True),
                Column("blocks", "right"),
                Column("now", "right"),
                Column("cost", "right", optional=2),
                Column("now", "right", optional=2),
                Column("ms", "right", optional=1),
                Column("now", "right", optional=1),
                Column(""),
            ),
            rows=tuple(_row(each) for each in changes),
        )
    for change in changes:
        if change.findings:
            yield from _sections(change, f"{change.file}:{change.line}")


def _row(change: Change) -> tuple[Cell, ...]:
    before, now = change.before, change.now
    nothing = bool(change.failure)
    return (
        f"{change.file}:{change.line}",
        _blocks(before),
        "" if nothing else _blocks(now),
        short_count(before.cost),
        "" if nothing else short_count(now.cost),
        _ms(before),
        "" if nothing else _ms(now),
        _word(change),
    )


def _blocks(kept: Kept) -> str:
    return "" if kept.blocks is None else short_count(kept.blocks)


def _ms(kept: Kept) -> str:
    return "" if kept.ms is None else milliseconds(kept.ms)


def _word(change: Change) -> Cell:
    if change.failure:
        return Styled("fails", "error")
    match worst(change.findings):
        case Severity.ERROR:
            return Styled("worse", "error")
        case Severity.WARNING:
            return Styled("look", "warning")
    if not change.reshaped:
        return "as it was"
    fewer = change.measured and factor(change.now.blocks or 0, change.before.blocks or 0) >= 2
    return Styled("better", "good") if fewer else "another plan"


def _sections(change: Change, name: str) -> Iterator[Section]:
    """The shapes as a diff, and the nodes whose work changed."""
    if change.failure:
        return
    if change.reshaped:
        yield Diff("\n".join(_diff(change)), f"{name}: the plan" if name else "the plan")
    if rows := tuple(_moved(change.pairs)):
        yield Table(
            columns=(
                Column("node", shrink=True),
                Column("blocks", "right"),
                Column("now", "right"),
                Column("rows", "right", optional=1),
                Column("now", "right", optional=1),
                Column("self ms", "right", optional=2),
                Column("now", "right", optional=2),
            ),
            rows=rows,
            title=f"{name}: nodes whose blocks changed" if name else "nodes whose blocks changed",
        )


def _diff(change: Change) -> Iterator[str]:
    lines = unified_diff(
        change.before.shape, change.now.shape, "kept", "now", lineterm="", n=_CONTEXT
    )
    yield from lines


def _moved(pairs: tuple[Pair, ...]) -> Iterator[tuple[Cell, ...]]:
    moved = [each for each in pairs if _difference(each)]
    shown = sorted(moved, key=lambda each: -abs(_difference(each)))[:MOST_NODES]
    for old, new in shown:
        node = new or old
        assert node is not None
        yield (node.title if new else f"{node.title} (gone)", *_figures(old, new))


def _difference(pair: Pair) -> int:
    old, new = pair
    return ((new.blocks or 0) if new else 0) - ((old.blocks or 0) if old else 0)


def _figures(old: KeptNode | None, new: KeptNode | None) -> Iterator[str]:
    for of in (_node_blocks, _node_rows, _node_ms):
        yield from (of(each) if each else "" for each in (old, new))


def _node_blocks(node: KeptNode) -> str:
    return "" if node.blocks is None else short_count(node.blocks)


def _node_rows(node: KeptNode) -> str:
    return "" if node.rows is None else short_count(node.rows * (node.loops or 0))


def _node_ms(node: KeptNode) -> str:
    return "" if node.own_ms is None else milliseconds(node.own_ms)
