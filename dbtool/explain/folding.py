"""Say once what is found of many partitions of one table, and of many nodes alike."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dbtool.explain.analysis import WORTH_TELLING, Analysis
from dbtool.explain.causes import about, by_cause
from dbtool.explain.plan import Node
from dbtool.explain.rules import RULES
from dbtool.explain.wording import times
from dbtool.finding import Finding, Unknown, judge

_APPENDS = ("Append", "Merge Append")
_NUMBER = re.compile(r"_\d+$")
_NUMBERED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"\.?|_\d+(?=\.)|(?<=Plan )\d+""")
"""A number behind a table's name or of a subplan, or what it may be a part of: text in quotes."""

_NUMBER_IN_QUOTES = re.compile(r'_\d+(?="\.$)')
_SHOWN = 10
"""Nodes that are named; of more the first are."""

MANY = 10
"""Findings alike, about nodes that take little each, up to which every one is told whole."""


def judged(analysis: Analysis) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    """What the rules find in a plan, of partitions read alike with the one that took longest.

    Many other findings that are alike stand behind the costliest of them, but for what led to
    another.
    """
    findings, unknowns = judge(RULES, analysis)
    ordered, causes = by_cause(analysis, tuple(_folded(analysis, findings)))
    alone = frozenset(map(id, causes[:MANY]))
    return tuple(_together(analysis, ordered, alone)), unknowns


def _together(
    analysis: Analysis, findings: tuple[Finding, ...], alone: frozenset[int]
) -> Iterator[Finding]:
    """The findings in their order, but many that are alike at the place of the first of them.

    Those whose `id()` is in `alone` are told by themselves.
    """
    if len(findings) <= MANY:
        yield from findings
        return
    placed = [(finding, about(analysis, finding)) for finding in findings]
    keys = [
        None if id(finding) in alone else _kind(analysis, finding, node) for finding, node in placed
    ]
    alike: dict[object, list[tuple[Finding, Node | None]]] = defaultdict(list)
    for each, key in zip(placed, keys, strict=True):
        alike[key].append(each)
    for (finding, _), key in zip(placed, keys, strict=True):
        several = alike[key]
        if key is None or 1 <= len(several) <= MANY:
            yield finding
        elif several:
            yield from _by_cost(analysis, several)
            several.clear()


def _kind(analysis: Analysis, finding: Finding, node: Node | None) -> object:
    """What findings alike have in common; None of what is worth telling by itself."""
    if node is None or analysis.times.part(node) >= WORTH_TELLING:
        return None
    fix = finding.fix
    return finding.rule, finding.severity, node.kind, fix and (fix.language, fix.label)


def _by_cost(analysis: Analysis, several: list[tuple[Finding, Node | None]]) -> Iterator[Finding]:
    """Findings by the time of what they are about; the first says how many there are."""
    several.sort(key=lambda each: -analysis.times.of(each[1]).wall_ms if each[1] else 0.0)
    (first, _), *others = several
    yield replace(first, alike=len(others))
    yield from (finding for finding, _ in others)


def _folded(analysis: Analysis, findings: Iterable[Finding]) -> Iterator[Finding]:
    alike: dict[object, list[tuple[Finding, Node]]] = defaultdict(list)
    for finding in findings:
        node = about(analysis, finding)
        table = node and _partitioned(analysis, node)
        key: object = id(finding)
        if node and table:
            key = (finding.rule, finding.severity, table, _conditions(node))
        alike[key].append((finding, node or analysis.plan.root))
    for several in alike.values():
        yield _one(analysis, several) if len(several) > 1 else several[0][0]


def _one(analysis: Analysis, several: list[tuple[Finding, Node]]) -> Finding:
    finding, slowest = max(several, key=lambda each: analysis.times.of(each[1]).wall_ms)
    others = [f"#{node.id}" for _, node in several if node is not slowest]
    named = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
    said = f"the same holds of {times(len(others), 'other partition')}: {named}"
    return replace(finding, evidence=(*finding.evidence, said))


def _partitioned(analysis: Analysis, node: Node) -> tuple[int, str] | None:
    """The append that reads a partition, and how the statement calls the table it is of."""
    if not node.relation or not _NUMBER.search(node.alias):
        return None
    called = _NUMBER.sub("", node.alias)
    if called == node.relation:
        return None
    table = analysis.table(node)
    if not (table.partition if table else node.alias != node.relation):
        return None
    above = node
    while above.parent:
        above = analysis.plan.node(above.parent)
        if above.kind in _APPENDS:
            return above.id, called
    return None


def _conditions(node: Node) -> tuple[tuple[str, str], ...]:
    """What a scan asks of its rows, without the numbers that tell partitions apart."""
    return tuple(
        (name, _NUMBERED.sub(_without_number, node.text(name)))
        for name in sorted(node.props)
        if name.endswith(("Cond", "Filter")) and not name.startswith("Rows Removed")
    )


def _without_number(found: re.Match[str]) -> str:
    """A literal as it is, a table's name without its number."""
    written = found[0]
    return _NUMBER_IN_QUOTES.sub("", written) if written[0] in "'\"" else ""
