"""Put what causes a finding before it: who mends that first may have nothing else to mend."""

import re

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.rules import (
    cartesian_product,
    cast_hides_index,
    offset_pagination,
    partitions_not_pruned,
    row_misestimate,
)
from dbtool.finding import Finding

_PLACE = re.compile(r"#(\d+) ")
_OF_THE_STATEMENT = {
    each.NAME
    for each in (cartesian_product, cast_hides_index, offset_pagination, partitions_not_pruned)
}
"""Rules about how a statement is written, which no estimate led to."""


def about(analysis: Analysis, finding: Finding) -> Node | None:
    """The node a finding is about, which its place begins with."""
    name = finding.location.name if finding.location else None
    number = _PLACE.match(name or "")
    return analysis.plan.node(int(number[1])) if number else None


def by_cause(analysis: Analysis, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings in their order, an estimate that can be mended before what it led to.

    That is what is found, without a fix of its own, of the same node and of the join that was
    chosen on the estimate.
    """
    mendable = {
        number: finding
        for finding in findings
        if finding.rule == row_misestimate.NAME and finding.fix
        for number in _misled(analysis, finding)
    }
    ordered: dict[int, Finding] = {}
    for finding in findings:
        node = about(analysis, finding)
        led_to = node and not finding.fix and finding.rule not in _OF_THE_STATEMENT
        if node and led_to and (cause := mendable.get(node.id)):
            ordered.setdefault(id(cause), cause)
        ordered.setdefault(id(finding), finding)
    return tuple(ordered.values())


def _misled(analysis: Analysis, finding: Finding) -> tuple[int, ...]:
    """The nodes that a wrong estimate decided on: its own, and the nearest join above."""
    node = about(analysis, finding)
    join = node and row_misestimate.join_above(analysis, node)
    return tuple(each.id for each in (node, join) if each)
